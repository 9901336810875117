"""Makes lazy-embedding.json: a table of 9 rows whose gradient is rows scattered to it, some to one row twice, after every step of
torch.optim.SparseAdam, without and with clipping by clip_grad_norm_ and a decay of the rows that have a gradient.

Run: python make-lazy-embedding.py > ../expected/lazy-embedding.json
"""
import json
import torch

ROWS, COLUMNS, READ, STEPS = 9, 3, 5, 8
torch.manual_seed(4)
start = torch.randn(ROWS, COLUMNS).mul(8).round().div(8)
indices = torch.randint(0, ROWS, (STEPS, READ))
values = torch.randn(STEPS, READ, COLUMNS).mul(16).round().div(16)
rate_scales = [0.5 + 0.5 * (i % 3) for i in range(STEPS)]
flat = lambda tensor: [float(f"{x:.9g}") for x in tensor.reshape(-1).tolist()]


def train(settings):
    table = torch.nn.Parameter(start.double().clone())
    betas = (settings["beta1"], settings["beta2"])
    optimizer = torch.optim.SparseAdam([table], lr=1, betas=betas, eps=settings["epsilon"])
    steps = []
    for at, rows, scale in zip(indices, values.double(), rate_scales):
        rate = settings["learningRate"] * scale
        gradient = torch.sparse_coo_tensor(at[None], rows, table.shape).coalesce()
        if settings["clip"] > 0:
            norm = gradient.values().norm()
            gradient = gradient * min(1.0, (settings["clip"] / (norm + 1e-6)).item())
        with torch.no_grad():
            table[at.unique()] *= 1 - rate * settings["weightDecay"]
        table.grad = gradient
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        steps.append(flat(table.detach()))
    return steps


adam = {"name": "adamw", "learningRate": 0.05, "beta1": 0.9, "beta2": 0.98, "epsilon": 1e-12, "lazyEmbedding": True}
cases = [
    {**adam, "weightDecay": 0, "clip": 0},
    {**adam, "weightDecay": 0.3, "clip": 0.5},
    {**adam, "weightDecay": 0.3, "clip": 0.5, "beta1": 0},
]
print(json.dumps({
    "shape": [ROWS, COLUMNS],
    "start": flat(start),
    "indices": indices.tolist(),
    "values": [flat(step) for step in values],
    "rateScales": rate_scales,
    "cases": [{"settings": case, "tables": train(case)} for case in cases],
}))
