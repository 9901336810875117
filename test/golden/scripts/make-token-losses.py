# Losses of predicted tokens with their gradients, in float64: torch.nn.functional where it has them, else the formula of the
# reference's losses.py (cramming/architectures/losses.py) written down again, means over rows where it has sums.
#
#   python test/golden/scripts/make-token-losses.py > test/golden/expected/token-losses.json     (torch 2.13)

import json
import math

import torch
import torch.nn.functional as F

torch.manual_seed(3)
rows, classes = 6, 11
logits = (3 * torch.randn(rows, classes, dtype=torch.float64)).requires_grad_()
labels = torch.randint(0, classes, (rows,))
labels[0] = logits[0].argmax()  # One that is right, one that is hardly doubted.
with torch.no_grad():
    logits[1, labels[1]] += 9
onehot = F.one_hot(labels, classes).double()
root = math.sqrt(classes)
log_p = lambda: F.log_softmax(logits, -1)[torch.arange(rows), labels]
wrong = logits.argmax(-1) != labels

cases = [
    ({"name": "cross-entropy"}, lambda: F.cross_entropy(logits, labels)),
    ({"name": "cross-entropy", "labelSmoothing": 0.1}, lambda: F.cross_entropy(logits, labels, label_smoothing=0.1)),
    (
        {"name": "cross-entropy", "zLoss": 1e-2},
        lambda: F.cross_entropy(logits, labels) + 1e-2 * logits.logsumexp(-1).square().mean(),
    ),
    (
        {"name": "cross-entropy", "zLoss": 1e-3, "labelSmoothing": 0.3},
        lambda: F.cross_entropy(logits, labels, label_smoothing=0.3) + 1e-3 * logits.logsumexp(-1).square().mean(),
    ),
    ({"name": "focal"}, lambda: (-((1 - log_p().exp()) ** 5) * log_p()).mean()),
    ({"name": "focal", "focus": 1.5}, lambda: (-((1 - log_p().exp()) ** 1.5) * log_p()).mean()),
    ({"name": "incorrect-only"}, lambda: F.cross_entropy(logits[wrong], labels[wrong])),
    (
        {"name": "squared-error"},
        lambda: (logits - root * onehot).square().sum() / (2 * root * classes) / rows,
    ),
    ({"name": "absolute-error"}, lambda: (logits - classes * onehot).abs().sum() / root / rows),
]
golden = []
for settings, loss in cases:
    value = loss()
    (gradient,) = torch.autograd.grad(value, logits)
    golden.append({"settings": settings, "loss": value.item(), "gradient": gradient.flatten().tolist()})
assert 0 < wrong.sum() < rows
print(json.dumps({"rows": rows, "classes": classes, "logits": logits.flatten().tolist(), "labels": labels.tolist(), "cases": golden}))
