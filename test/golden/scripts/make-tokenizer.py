"""Golden vocabulary for src/tokenizer/learning/learn.ts, by Hugging Face `tokenizers` (made with 0.23.2).

Run from the repository root: python test/golden/scripts/make-tokenizer.py

Their trainer gives ids to the "##" letters in the order of a hash table that differs from process to process, and ties
between pairs are broken by those ids. So the whole alphabet is handed over as special tokens, in our order; after that
nothing is left to chance and the vocabularies must be equal, id by id; of a limited alphabet likewise the letters that it keeps. The text is invented words with a Zipf-like
distribution, so that there are both clear winners and many ties.
"""

import collections
import json
import random

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

random.seed(7)
syllables = ["ba", "ko", "ri", "tel", "un", "ing", "ed", "str", "eau", "é", "qu", "s", "ss", "aa", "a", "o", "ñu", "x1", "20"]
words = ["".join(random.choice(syllables) for _ in range(random.randint(1, 5))) for _ in range(900)]
weights = [1 / (rank + 3) for rank in range(len(words))]
texts = []
for _ in range(120):
    chosen = random.choices(words, weights, k=60)
    texts.append(" ".join(word + random.choice(["", "", "", ",", ".", "...", "'s", " —"]) for word in chosen))

normalizer = normalizers.BertNormalizer(lowercase=True)
pre_tokenizer = pre_tokenizers.BertPreTokenizer()
split = [word for text in texts for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))]
letters = sorted({letter for word in split for letter in word})
continuing = sorted({letter for word in split for letter in word[1:]})
specials = ["<pad>", "<s>", "</s>", "<unk>", "<cls>", "<sep>", "<mask>"]
alphabet = specials + letters + ["##" + letter for letter in continuing]

vocabularies = {}
for size in (200, 1000):
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.WordPieceTrainer(vocab_size=size, min_frequency=0, special_tokens=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    vocabulary = tokenizer.get_vocab()
    vocabularies[str(size)] = sorted(vocabulary, key=vocabulary.get)

limit = 16
counts = collections.Counter(letter for word in split for letter in word)
ranked = counts.most_common()
assert ranked[limit - 1][1] > ranked[limit][1], "a tie decides by their hash table"
kept = sorted(letter for letter, _ in ranked[:limit])
alphabet = specials + kept + ["##" + letter for letter in kept if letter in continuing]
tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
tokenizer.normalizer = normalizer
tokenizer.pre_tokenizer = pre_tokenizer
trainer = trainers.WordPieceTrainer(
    vocab_size=200, min_frequency=0, special_tokens=alphabet, limit_alphabet=limit, show_progress=False
)
tokenizer.train_from_iterator(texts, trainer)
vocabulary = tokenizer.get_vocab()
limited = {"limit": limit, "vocabulary": sorted(vocabulary, key=vocabulary.get)}

with open("test/golden/expected/tokenizer-learned.json", "w") as file:
    json.dump({"texts": texts, "vocabularies": vocabularies, "limited": limited}, file, ensure_ascii=False, indent=0)
    file.write("\n")
