"""Golden vocabularies for src/tokenizer/kinds, by the trainers of Hugging Face `tokenizers` (made with 0.23.2).

Run from the repository root, after make-tokenizer.py, whose texts these are: python test/golden/scripts/make-kinds.py
"""

import json

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

specials = ["<pad>", "<s>", "</s>", "<unk>", "<cls>", "<sep>", "<mask>"]
texts = json.load(open("test/golden/expected/tokenizer-learned.json"))["texts"]
byte_level = pre_tokenizers.ByteLevel(add_prefix_space=True)
metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
whitespace = pre_tokenizers.Whitespace()


def train(model, pre_tokenizer, trainer):
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]


def train_bpe(pre_tokenizer, size, alphabet):
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    model = train(models.BPE(unk_token="<unk>"), pre_tokenizer, trainer)
    vocabulary = sorted(model["vocab"], key=model["vocab"].get)
    return {"size": size, "vocabulary": vocabulary, "merges": model["merges"]}


def train_unigram(pre_tokenizer, size):
    trainer = trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=specials, show_progress=False)
    vocab = train(models.Unigram(), pre_tokenizer, trainer)["vocab"]
    return {"vocabulary": [token for token, _ in vocab], "scores": [round(score, 5) for _, score in vocab]}


words = train(models.WordLevel(unk_token="<unk>"), whitespace, trainers.WordLevelTrainer(vocab_size=300, special_tokens=specials, show_progress=False))
golden = {
    "bpe": {
        "byte-level": [train_bpe(byte_level, size, pre_tokenizers.ByteLevel.alphabet()) for size in (500, 1500)],
        "metaspace": [train_bpe(metaspace, size, []) for size in (400,)],
    },
    "unigram": {
        "metaspace": [train_unigram(metaspace, size) for size in (200, 500)],
        "whitespace": [train_unigram(whitespace, size) for size in (300,)],
    },
    "wordlevel": sorted(words["vocab"], key=words["vocab"].get),
}
with open("test/golden/expected/kinds-learned.json", "w") as file:
    json.dump(golden, file, ensure_ascii=False)
    file.write("\n")
