"""Orders of sequences by the rules of cramming's curriculum_sorting.py (Geiping & Goldstein 2022), by NumPy's stable argsort.

Run: python3 make-orders.py > ../expected/orders.json
"""
import json

import numpy as np

random = np.random.default_rng(3)
vocabulary = ["<sep>", ".", "the", "a", "##ing", "##s", "run", "encyclopaedia", "fox", "den", "sleep", "##ed"]
share = 1.0 / np.arange(1, len(vocabulary) + 1)
sequences = random.choice(len(vocabulary), size=(80, 12), p=random.permutation(share / share.sum()))

counts = np.bincount(sequences.ravel(), minlength=len(vocabulary))
logs = np.log2((counts + 1) / (counts.sum() + len(vocabulary)))
mean = logs[sequences].mean(axis=1)
# A space before each token that begins a word.
text = ["".join(vocabulary[t][2:] if vocabulary[t].startswith("##") else " " + vocabulary[t] for t in row) for row in sequences]
order = lambda keys: np.argsort(np.round(keys, 9), kind="stable").tolist()
print(json.dumps({
    "vocabulary": vocabulary,
    "sequences": sequences.tolist(),
    "orders": {
        "rare-first": order(mean),
        "likely-first": order(-mean),
        "short-first": order(np.array([len(t) for t in text])),
        "sentences-first": order(-(sequences == vocabulary.index(".")).sum(axis=1)),
        "documents-first": order(-(sequences == vocabulary.index("<sep>")).sum(axis=1)),
    },
}, separators=(",", ":")))
