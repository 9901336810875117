"""Golden ids for a mask that takes the space before it, by Hugging Face `tokenizers` (made with 0.23.2).

Run from the repository root: python test/golden/scripts/make-mask-space.py
"""

import json

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

specials = ["<pad>", "<s>", "</s>", "<unk>", "<cls>", "<sep>", "<mask>"]
texts = ["the red fox sleeps.", "a fox, a den: the fox sleeps in the red den."] * 3
asked = [
    "the <mask> sleeps.",
    "<mask> fox",
    "the fox sleeps in the <mask>.",
    "den\t\n <mask>\u00a0<mask>  red",
    "red<mask>s",
    "\u2003\u3000<mask>\u200b <mask>",
    "the </s> fox",
]


def ask(model, pre_tokenizer, decoder, trainer):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, lstrip=token == "<mask>", normalized=False, special=True) for token in specials])
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in asked]
    return {"tokenizer": json.loads(tokenizer.to_str()), "ids": ids}


bpe = dict(special_tokens=specials, show_progress=False)
alphabet = pre_tokenizers.ByteLevel.alphabet()
golden = {
    "texts": asked,
    "byte-level": ask(
        models.BPE(unk_token="<unk>"),
        pre_tokenizers.ByteLevel(add_prefix_space=True),
        decoders.ByteLevel(),
        trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, **bpe),
    ),
    "metaspace": ask(
        models.BPE(unk_token="<unk>"),
        pre_tokenizers.Metaspace(prepend_scheme="first"),
        decoders.Metaspace(prepend_scheme="first"),
        trainers.BpeTrainer(vocab_size=60, **bpe),
    ),
    "unigram": ask(
        models.Unigram(),
        pre_tokenizers.Metaspace(prepend_scheme="first"),
        decoders.Metaspace(prepend_scheme="first"),
        trainers.UnigramTrainer(vocab_size=40, unk_token="<unk>", **bpe),
    ),
}
with open("test/golden/expected/mask-space.json", "w") as file:
    json.dump(golden, file, ensure_ascii=False)
    file.write("\n")
