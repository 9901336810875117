"""Makes averages.json: averages of a walk of two small parameters, after every step, by their recurrences in NumPy (float64).

Run: python make-averages.py > ../expected/averages.json
"""
import json
import numpy as np

STEPS, EVERY = 12, 0.25
rng = np.random.default_rng(3)
walk = np.round(np.cumsum(rng.standard_normal((STEPS, 7)), axis=0), 3).astype(np.float32).astype(np.float64)
rounded = lambda rows: [[float(f"{x:.8g}") for x in row] for row in rows]


def ema(decay):
    mean, rows = np.zeros(7), []
    for t, value in enumerate(walk, start=1):
        mean = decay * mean + (1 - decay) * value
        rows.append(mean / (1 - decay**t))
    return rows


def lawa(copies):
    taken, rows = [], []
    for t, value in enumerate(walk, start=1):
        # Four equal shares of a budget of STEPS steps: steps 3, 6, 9 and 12.
        if t % round(STEPS * EVERY) == 0:
            taken.append(value)
        rows.append(np.mean(taken[-copies:], axis=0) if taken else value)
    return rows


print(json.dumps({
    "walk": rounded(walk),
    "cases": [
        {"settings": {"name": "ema", "decay": 0.9}, "averages": rounded(ema(0.9))},
        {"settings": {"name": "lawa", "copies": 3, "every": EVERY}, "averages": rounded(lawa(3))},
    ],
}))
