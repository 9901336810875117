"""Makes model.json: a tiny crammed BERT in float64 PyTorch, its logits, loss, gradients, and ten AdamW steps with clipping.

Needs only torch. Run: python make-model.py > model.json
Weights are stored (in, out); torch's functional matmul is used directly, so nothing is transposed.
"""
import json, math, torch
import torch.nn.functional as F

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)
V, C, L, H, FF, S, B = 19, 12, 2, 3, 16, 6, 2
D = C // H

def sinusoid():
    t = torch.zeros(S, C)
    for p in range(S):
        for i in range(0, C, 2):
            angle = p * 10000 ** (-i / C)
            t[p, i], t[p, i + 1] = math.sin(angle), math.cos(angle)
    return t

def parameters(kind):
    p = {"embedding.word": torch.randn(V, C) * 0.5}
    if kind == "scaled-sinusoidal":
        p["embedding.scale"] = torch.full((1,), 1 / math.sqrt(C))
    def norm(name):
        p[name + ".weight"], p[name + ".bias"] = 1 + 0.1 * torch.randn(C), 0.1 * torch.randn(C)
    norm("embedding.norm")
    for l in range(L):
        n = f"layers.{l}."
        norm(n + "attention.norm")
        p[n + "attention.qkv"] = torch.randn(C, 3 * C) * 0.3
        p[n + "attention.output"] = torch.randn(C, C) * 0.3
        norm(n + "feedForward.norm")
        p[n + "feedForward.in"] = torch.randn(C, FF) * 0.3
        p[n + "feedForward.out"] = torch.randn(FF // 2, C) * 0.3
    norm("final.norm")
    return {k: v.float().double().requires_grad_() for k, v in p.items()}

def rotate(x):  # (B, H, S, D)
    half = D // 2
    angle = torch.arange(S)[:, None] * 10000 ** (-torch.arange(half) / half)
    cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * cos + turned * sin

def logits(p, kind, tokens, predicted):
    ln = lambda x, n: F.layer_norm(x, (C,), p[n + ".weight"], p[n + ".bias"], 1e-12)
    x = F.embedding(tokens, p["embedding.word"])
    if kind == "scaled-sinusoidal":
        x = x + p["embedding.scale"] * sinusoid()
    x = ln(x, "embedding.norm")
    for l in range(L):
        n = f"layers.{l}."
        q, k, v = (ln(x, n + "attention.norm") @ p[n + "attention.qkv"]).view(B, S, 3, H, D).permute(2, 0, 3, 1, 4)
        if kind == "rotary":
            q, k = rotate(q), rotate(k)
        o = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, S, C)
        x = x + o @ p[n + "attention.output"]
        value, gate = (ln(x, n + "feedForward.norm") @ p[n + "feedForward.in"]).chunk(2, -1)
        x = x + (value * F.gelu(gate)) @ p[n + "feedForward.out"]
    x = ln(x, "final.norm").view(B * S, C)[predicted]
    return x @ p["embedding.word"].T

def flat(t):
    return [float(f"{v:.9g}") for v in t.detach().reshape(-1).tolist()]

out = {}
for kind in ["scaled-sinusoidal", "rotary"]:
    p = parameters(kind)
    tokens = torch.randint(0, V, (B, S))
    predicted = torch.sort(torch.randperm(B * S)[:6]).values
    labels = torch.randint(0, V, (6,))
    case = {"tokens": tokens.reshape(-1).tolist(), "predicted": predicted.tolist(), "labels": labels.tolist()}
    case["parameters"] = {k: flat(v) for k, v in p.items()}
    z = logits(p, kind, tokens, predicted)
    loss = F.cross_entropy(z, labels)
    loss.backward()
    case["logits"], case["loss"] = flat(z), loss.item()
    case["gradients"] = {k: flat(v.grad) for k, v in p.items()}
    decayed = [v for k, v in p.items() if "norm" not in k]
    plain = [v for k, v in p.items() if "norm" in k]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.98), eps=1e-12)
    losses, norms = [], []
    for _ in range(10):
        optimizer.zero_grad()
        loss = F.cross_entropy(logits(p, kind, tokens, predicted), labels)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(list(p.values()), 0.5).item())
        optimizer.step()
        losses.append(loss.item())
    case["losses"], case["norms"] = losses, norms
    case["after"] = {k: flat(v) for k, v in p.items()}
    out[kind] = case

# Newton–Schulz of Muon on a wide and a tall matrix.
def orthogonalise(x):
    if x.shape[0] > x.shape[1]:
        return orthogonalise(x.T).T
    y = x / x.norm()
    for _ in range(5):
        g = y @ y.T
        y = 3.4445 * y + (-4.7750 * g + 2.0315 * g @ g) @ y
    return y
out["muon"] = [{"shape": list(s), "x": flat(x), "y": flat(orthogonalise(x))} for s in [(5, 9), (9, 4)] for x in [torch.randn(*s).float().double()]]
out["shape"] = {"vocabulary": V, "width": C, "layers": L, "heads": H, "feedForward": FF, "sequenceLength": S, "sequences": B}
print(json.dumps(out))
