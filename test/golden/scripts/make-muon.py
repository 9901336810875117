"""Makes muon.json: five steps of torch.optim.Muon, its iteration kept in float64 instead of bfloat16.

Needs torch 2.9 or later. Run: python make-muon.py > muon.json
torch stores Linear.weight (out, in); the files hold (in, out). A matrix of several parts is one torch parameter a part.
"""
import json, torch

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
torch.Tensor.bfloat16 = lambda self: self  # the optimizer rounds to bfloat16 here; we do not

def flat(t):
    return [float(f"{v:.9g}") for v in t.detach().reshape(-1).tolist()]

cases = []
for rows, columns, parts in [(6, 18, 3), (8, 5, 1), (4, 10, 1)]:
    start = torch.randn(rows, columns).float().double()
    gradients = [torch.randn(rows, columns).float().double() for _ in range(5)]
    split = lambda x: [part.T.contiguous() for part in x.chunk(parts, 1)]
    weights = [torch.nn.Parameter(part) for part in split(start)]
    optimizer = torch.optim.Muon(weights, lr=0.02, weight_decay=0.01, momentum=0.95, nesterov=True)
    for gradient in gradients:
        for weight, part in zip(weights, split(gradient)):
            weight.grad = part
        optimizer.step()
    cases.append({"shape": [rows, columns], "parts": parts, "start": flat(start),
                  "gradients": [flat(g) for g in gradients], "end": flat(torch.cat([w.T for w in weights], 1))})
print(json.dumps(cases))
