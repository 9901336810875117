"""Makes eight-bits.json: the dynamic tree map of 8-bit Optimizers (Dettmers et al. 2021, arXiv 2110.02861), made as bitsandbytes'
create_dynamic_map does, and twenty steps of AdamW and Lion with block-wise quantised moments, in float64 NumPy.

Of what steps leave two numbers are kept: the norm, and the product with a fixed vector. Gradients are a formula of their name, which the
test computes too. Needs numpy, and torch for the formula. Run: python make-eight-bits.py > ../expected/eight-bits.json
"""
import json
import numpy as np, torch

from formula import formula

torch.set_default_dtype(torch.float64)

def dynamic_map(signed, max_exponent_bits=7, total_bits=8):
    data, non_sign_bits = [], total_bits - 1
    for i in range(max_exponent_bits):
        shift = i + non_sign_bits - max_exponent_bits
        items = int(2**shift + 1 if signed else 2 ** (shift + 1) + 1)
        boundaries = np.linspace(0.1, 1, items)
        means = (boundaries[:-1] + boundaries[1:]) / 2
        data += list(10.0 ** (-(max_exponent_bits - 1) + i) * means)
        if signed: data += list(-(10.0 ** (-(max_exponent_bits - 1) + i)) * means)
    data += [0, 1.0]
    assert len(data) == 256
    return np.sort(data)

MAPS = {"signed": dynamic_map(True), "positive": dynamic_map(False)}
SHAPE, BLOCK, STEPS = (67, 62), 256, 20
COUNT = SHAPE[0] * SHAPE[1]
single = lambda x: x.astype(np.float32).astype(np.float64)
draw = lambda name, power=1: single(formula(name, COUNT).numpy() ** power)

def quantise(x, table):
    codes, scales = [], []
    for start in range(0, len(x), BLOCK):
        part = x[start : start + BLOCK]
        scale = np.abs(part).max()
        share = part / scale if scale > 0 else 0 * part
        codes.append(np.abs(share[:, None] - table[None, :]).argmin(1))
        scales.append(np.full(len(part), scale))
    return np.concatenate(codes), np.concatenate(scales)

def keep(x, kind):
    codes, scales = quantise(x, MAPS[kind])
    return MAPS[kind][codes] * scales

def adamw(lr=0.01, b1=0.9, b2=0.98, eps=1e-8, decay=0.1):
    w, m, v = draw("start"), np.zeros(COUNT), np.zeros(COUNT)
    for t in range(1, STEPS + 1):
        g = draw(f"gradient {t}", 3)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        # The step is of the moments as they are computed; the next one reads what was kept of them.
        w = (1 - lr * decay) * w - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        m, v = keep(m, "signed"), keep(v, "positive")
    return w

def lion(lr=0.01, b1=0.9, b2=0.99, decay=0.1):
    w, m = draw("start"), np.zeros(COUNT)
    for t in range(1, STEPS + 1):
        g = draw(f"gradient {t}", 3)
        w = (1 - lr * decay) * w - lr * np.sign(b1 * m + (1 - b1) * g)
        m = keep(b2 * m + (1 - b2) * g, "signed")
    return w

def summarise(name, x):
    probe = formula(name + " probe", len(x)).numpy()
    return [float(f"{v:.9g}") for v in [np.linalg.norm(x), x @ probe]]

numbers = draw("numbers", 9)
print(json.dumps({
    "shape": SHAPE, "block": BLOCK,
    "maps": {kind: [float(f"{v:.9g}") for v in table] for kind, table in MAPS.items()},
    "codes": {
        "signed": summarise("codes", quantise(numbers, MAPS["signed"])[0].astype(float)),
        "positive": summarise("codes", quantise(np.abs(numbers), MAPS["positive"])[0].astype(float)),
    },
    "ends": {"adamw": summarise("end", adamw()), "lion": summarise("end", lion())},
}, separators=(",", ":")))
