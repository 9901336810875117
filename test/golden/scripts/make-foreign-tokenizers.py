"""Makes foreign-tokenizers.json: a byte-level BPE as RoBERTa's and ModernBERT's are, a BERT vocabulary without tokenizer.json,
and the ids that Hugging Face's `tokenizers` gives, without special tokens around a text. And, by kind of tokenizer, the ids that
transformers (5.18) gives for texts that spell out special and added tokens: as it does by itself, with split_special_tokens, and
with the special tokens around.

Needs tokenizers and transformers. Run beside this file: python make-foreign-tokenizers.py > foreign-tokenizers.json
"""
import json, tempfile
from tokenizers import (AddedToken, BertWordPieceTokenizer, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)
from transformers import AutoTokenizer, PreTrainedTokenizerFast

texts = [
    "The cat sat on the mat, and the other cat did not.",
    "  Two  spaces, a tab\tand a newline\nin it  ",
    "Café déjà vu — naïve 日本語 😀 don't won't I'll 1234567",
    "UPPER lower Mixed UNSEENWORD", "",
]
corpus = texts[:2] + ["the cat and the other mat did sit on that cat, and then they sat on it and on the mat"] * 20

bpe = Tokenizer(models.BPE())
bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bpe.decoder = decoders.ByteLevel()
bpe.train_from_iterator(corpus, trainers.BpeTrainer(
    vocab_size=300, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    special_tokens=["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)]))
bpe.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))

words = "the cat sat on mat and other did not two space a tab new line in it cafe deja vu naive don won t i ll".split()
pieces = ["##" + p for p in ["s", "line", "s", "0", "1", "2", "3", "4", "5", "6", "7", "e", "a", "t"]]
vocabulary = list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, "The", "Café", *pieces, *",.'—1日本語"]))
index = {token: i for i, token in enumerate(vocabulary)}
ids = lambda tokenizer: [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]

wordpiece = Tokenizer(models.WordPiece(index, unk_token="[UNK]"))
wordpiece.normalizer = normalizers.BertNormalizer(lowercase=True)
wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
wordpiece.post_processor = processors.TemplateProcessing(
    single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
berts = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
robertas = dict(pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>", mask_token="<mask>")
beyond = [
    AddedToken("[NEW]", special=True, normalized=False), AddedToken("<ent>", special=True, normalized=False, rstrip=True),
    AddedToken("kaffee", normalized=True), AddedToken("Über", normalized=False),
    AddedToken("padded", normalized=True, lstrip=True, rstrip=True),
]
spelled = [
    "the SEP cat", "theMASKcat sat MASK .", "PADPAD the SEPSEP", " MASK ", "THE the MASK", "[mask] <MASK>", "the[NEW]cat [NEW] .",
    "other<ent>cat <ent> sat", "the kaffee cat KAFFEE Kaffee thekaffee", "Über the Über über", "the  padded   cat padded",
]


def spell(tokenizer, specials, added):
    names = {"SEP": specials["sep_token"], "MASK": "<mask>" if tokenizer is bpe else "[MASK]", "PAD": specials["pad_token"]}
    written = spelled
    for name, token in names.items():
        written = [text.replace(name, token) for text in written]
    with tempfile.TemporaryDirectory() as folder:
        fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer.to_str()), **specials)
        fast.add_tokens(added)
        fast.save_pretrained(folder)
        with open(folder + "/tokenizer.json") as file:
            saved = json.load(file)
        by_itself, split = AutoTokenizer.from_pretrained(folder), AutoTokenizer.from_pretrained(folder, split_special_tokens=True)
    encode = lambda tokenizer, framed=False: [tokenizer.encode(text, add_special_tokens=framed) for text in written]
    return {"tokenizer": saved, "texts": written, "ids": encode(by_itself), "split": encode(split), "framed": encode(by_itself, True)}


stripping = {**berts, "mask_token": AddedToken("[MASK]", lstrip=True, special=True, normalized=False)}
print(json.dumps({
    "texts": texts,
    "bpe": {"tokenizer": json.loads(bpe.to_str()), "ids": ids(bpe)},
    "vocabulary": vocabulary,
    "uncased": ids(BertWordPieceTokenizer(index, lowercase=True)),
    "cased": ids(BertWordPieceTokenizer(index, lowercase=False, strip_accents=False)),
    "spelled": {
        "WordPiece": spell(wordpiece, berts, []),
        "WordPiece with added tokens": spell(wordpiece, berts, beyond),
        "WordPiece with a mask that takes the space before it": spell(wordpiece, stripping, []),
        "BPE": spell(bpe, robertas, []),
        "BPE with added tokens": spell(bpe, robertas, beyond),
    },
}))
