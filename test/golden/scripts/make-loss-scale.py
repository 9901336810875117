"""Makes loss-scale.json: PyTorch's GradScaler over a long training (where the scale changes), and over a short one whose gradient goes
through float16, with the parameters and the scale after every step.

Run: python make-loss-scale.py > ../expected/loss-scale.json
"""
import json
import torch
from formula import formula

STEPS, INFINITE = 9000, [0, 1, 5, 2004, 2005, 2006, 6100, 8101]
SHORT = 24


def long_training():
    weight = torch.ones(1, requires_grad=True)
    optimizer, scaler = torch.optim.SGD([weight], lr=0.0), torch.amp.GradScaler("cpu")
    changes, last = [], scaler.get_scale()
    for step in range(STEPS):
        scaler.scale(weight.sum() * (float("inf") if step in INFINITE else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        if scaler.get_scale() != last:
            last = scaler.get_scale()
            changes.append([step, last])
    return {"steps": STEPS, "infinite": INFINITE, "changes": changes, "steadySteps": scaler._get_growth_tracker()}


def short_training():
    weight = formula("weight", 3).requires_grad_()
    optimizer, scaler = torch.optim.SGD([weight], lr=0.1), torch.amp.GradScaler("cpu")
    rows = []
    for step in range(SHORT):
        # A gradient of up to 2 to the -22 is nothing in float16 unless it is scaled; from 1 on it is too large for the first scale.
        size = [2.0, 2.0**-22, 0.9, 2.0**-12, 30.0, 0.01][step % 6]
        factors = formula(f"factors {step}", 3) * size
        scaler.scale((weight.half().float() * factors).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        rows.append({"size": size, "weight": weight.tolist(), "scale": scaler.get_scale()})
    return rows


print(json.dumps({"long": long_training(), "short": short_training()}))
