"""Makes foreign-tokenizers.json: a byte-level BPE as RoBERTa's and ModernBERT's are, a BERT vocabulary without tokenizer.json,
and the ids that Hugging Face's `tokenizers` gives, without special tokens around a text.

Needs tokenizers. Run beside this file: python make-foreign-tokenizers.py > foreign-tokenizers.json
"""
import json
from tokenizers import AddedToken, BertWordPieceTokenizer, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

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
print(json.dumps({
    "texts": texts,
    "bpe": {"tokenizer": json.loads(bpe.to_str()), "ids": ids(bpe)},
    "vocabulary": vocabulary,
    "uncased": ids(BertWordPieceTokenizer(index, lowercase=True)),
    "cased": ids(BertWordPieceTokenizer(index, lowercase=False, strip_accents=False)),
}))
