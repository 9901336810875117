"""The reference's classification head, and ModernBERT's, in PyTorch, float64: test/golden/expected/classifier.json.

Run with any PyTorch 1.13 or newer: python make-classifier.py > classifier.json
Pools only the real tokens of each sequence; the reference pools over padding too.
"""

import json

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
B, S, C, H, L = 3, 5, 4, 6, 3
lengths = torch.tensor([5, 1, 3])
real = torch.arange(S)[None, :] < lengths[:, None]
classes = torch.tensor([2, 0, 1])
numbers = torch.tensor([0.5, -1.25, 3.0])
words = torch.tensor([[0, -1, 2, 1, -1], [2, -1, -1, -1, -1], [-1, 1, 0, -1, -1]])


def pool(x, pooler):
    """One row a sequence, from its real tokens alone."""
    rows = []
    for sequence, length in zip(x, lengths.tolist()):
        tokens = sequence[:length]
        if pooler == "cls":
            rows.append(tokens[0])
        elif pooler == "mean":
            rows.append(tokens.mean(dim=0))
        elif pooler == "max":
            rows.append(tokens.max(dim=0)[0])
        else:
            rows.append(tokens.logsumexp(dim=0))
    return torch.stack(rows)


def make(kind, pooler, outputs, head="tanh"):
    hidden = torch.randn(B, S, C, requires_grad=True)
    dense = torch.nn.Linear(C, H)
    out = torch.nn.Linear(H, outputs)
    norm = torch.nn.LayerNorm(H, eps=1e-12)  # as a model of ours without normEpsilon has it
    read = hidden if kind == "tokens" else pool(hidden, pooler)
    if head == "gelu-norm":
        with torch.no_grad():
            norm.weight += 0.3 * torch.randn(H)
            norm.bias += 0.3 * torch.randn(H)
    wide = torch.tanh(dense(read)) if head == "tanh" else norm(torch.nn.functional.gelu(dense(read)))
    logits = out(wide)
    if kind == "classification":
        loss = torch.nn.functional.cross_entropy(logits, classes)
    elif kind == "regression":
        loss = torch.nn.functional.mse_loss(logits[:, 0], numbers)
    else:
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, outputs), words.reshape(-1), ignore_index=-1)
    loss.backward()
    flat = lambda x: x.detach().reshape(-1).tolist()
    matrix = lambda x: flat(x.t())  # stored (in, out)
    norms = [("classifier.norm.weight", norm.weight), ("classifier.norm.bias", norm.bias)] if head == "gelu-norm" else []
    return {
        "kind": kind,
        "pooler": pooler,
        "outputs": outputs,
        "head": head,
        "hidden": flat(hidden),
        "parameters": {
            "classifier.hidden.weight": matrix(dense.weight),
            "classifier.hidden.bias": flat(dense.bias),
            "classifier.output.weight": matrix(out.weight),
            "classifier.output.bias": flat(out.bias),
            **{name: flat(x) for name, x in norms},
        },
        "logits": flat(logits),
        "loss": loss.item(),
        "gradients": {
            "hidden": flat(hidden.grad),
            "classifier.hidden.weight": matrix(dense.weight.grad),
            "classifier.hidden.bias": flat(dense.bias.grad),
            "classifier.output.weight": matrix(out.weight.grad),
            "classifier.output.bias": flat(out.bias.grad),
            **{name: flat(x.grad) for name, x in norms},
        },
    }


cases = [make("classification", pooler, L) for pooler in ("cls", "mean", "max", "lse")]
cases += [make("regression", "cls", 1), make("tokens", "cls", L)]
cases += [make("classification", "mean", L, "gelu-norm"), make("tokens", "cls", L, "gelu-norm")]
print(
    json.dumps(
        {
            "shape": {"sequences": B, "length": S, "width": C, "headWidth": H},
            "lengths": lengths.tolist(),
            "classes": classes.tolist(),
            "numbers": numbers.tolist(),
            "words": words.reshape(-1).tolist(),
            "cases": cases,
        }
    )
)
