"""A classifier on the paper's encoder in PyTorch (1.13 or newer), driven by lines of bench/finetune.ts.

Reads one line of JSON: model, finetuning recipe, and the place of a file with the initial parameters (f32, in the order listed,
matrices stored (in, out)) and then the batches, each of B lengths, B rows of tokens as long as the longest, B classes (i32).
Then answers each line with one line of JSON:
  check N RATE   losses of N steps over the first N batches in f32, without dropout, at that learning rate; undone afterwards
  pass N         N times over all batches, with dropout: their seconds and the last loss
Dropout falls where the paper's code has it, but not on attention probabilities; the head reads the mean of the real tokens.
"""
import json, math, sys, time
from contextlib import nullcontext


def say(**answer):
    print(json.dumps(answer), flush=True)


try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    say(absent=f"{sys.executable}: {error}")
    sys.exit(0)

say(name=f"PyTorch {torch.__version__}")
setting = json.loads(sys.stdin.readline())
model, recipe, B = setting["model"], setting["recipe"], setting["sequences"]
C, L, H, longest = (model[k] for k in ["width", "layers", "heads", "sequenceLength"])
D, rotary = C // H, model["positions"] == "rotary"
torch.set_num_threads(setting["threads"])


def read_start():
    """Parameters by name, linear layers as (out, in), and the batches as (mask or None, lengths, tokens, classes)."""
    with open(setting["file"], "rb") as file:
        def take(shape, dtype):
            return torch.frombuffer(bytearray(file.read(4 * math.prod(shape))), dtype=dtype).reshape(shape)
        listed = {}
        for q in setting["parameters"]:
            value = take(q["shape"], torch.float32)
            listed[q["name"]] = value.T.contiguous() if q["role"] == "matrix" else value
        batches = []
        for _ in range(setting["batches"]):
            lengths = take([B], torch.int32).long()
            tokens = take([B, int(lengths.max())], torch.int32).long()
            real = torch.arange(tokens.shape[1])[None] < lengths[:, None]
            batches.append((None if bool(real.all()) else real, lengths, tokens, take([B], torch.int32).long()))
    return listed, batches


initial, batches = read_start()
p = {name: value.requires_grad_() for name, value in initial.items()}
role = {q["name"]: q["role"] for q in setting["parameters"]}

half = D // 2
turns = torch.arange(longest).double()[:, None] * 10000 ** (-torch.arange(half).double() / half)
cosine, sine = (torch.cat([f] * 2, -1).float() for f in [turns.cos(), turns.sin()])
angles = torch.arange(longest).double()[:, None] * 10000 ** (-torch.arange(0, C, 2).double() / C)
sinusoid = torch.stack([angles.sin(), angles.cos()], -1).reshape(longest, C).float()


def norm(x, name):
    return F.layer_norm(x, (C,), p[name + ".weight"], p[name + ".bias"], 1e-12)


def rotate(x, S):
    return x * cosine[:S] + torch.cat([-x[..., half:], x[..., :half]], -1) * sine[:S]


def attend(q, k, v, real):
    mask = None if real is None else real[:, None, None, :]
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = q @ k.transpose(-2, -1) * (1 / math.sqrt(D))
    return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -math.inf), -1) @ v


def loss_of(batch, rate):
    real, lengths, tokens, targets = batch
    S = tokens.shape[1]
    drop = (lambda x: F.dropout(x, rate)) if rate > 0 else (lambda x: x)
    x = F.embedding(tokens, p["embedding.word"])
    if not rotary:
        x = x + p["embedding.scale"] * sinusoid[:S]
    x = drop(norm(x, "embedding.norm"))
    for l in range(L):
        n = f"layers.{l}."
        projected = F.linear(norm(x, n + "attention.norm"), p[n + "attention.qkv"])
        q, k, v = projected.view(B, S, 3, H, D).permute(2, 0, 3, 1, 4)
        if rotary:
            q, k = rotate(q, S), rotate(k, S)
        o = attend(q, k, v.to(q.dtype), real).transpose(1, 2).reshape(B, S, C)
        x = x + drop(F.linear(o, p[n + "attention.output"]))
        value, gate = F.linear(norm(x, n + "feedForward.norm"), p[n + "feedForward.in"]).chunk(2, -1)
        x = x + drop(F.linear(value * F.gelu(gate), p[n + "feedForward.out"]))
    x = norm(x, "final.norm")
    if real is not None:
        x = x * real[..., None]
    pooled = x.sum(1) / lengths[:, None]
    linear = lambda x, name: F.linear(x, p[f"classifier.{name}.weight"], p[f"classifier.{name}.bias"])
    return F.cross_entropy(linear(drop(torch.tanh(linear(pooled, "hidden"))), "output").float(), targets)


def fastest_adamw(rate):
    groups = [
        {"params": [v for n, v in p.items() if role[n] != "norm"], "weight_decay": recipe["weightDecay"]},
        {"params": [v for n, v in p.items() if role[n] == "norm"], "weight_decay": 0.0},
    ]
    for choice in [{"fused": True}, {"foreach": True}, {}]:
        try:
            return torch.optim.AdamW(groups, lr=rate, betas=(recipe["beta1"], recipe["beta2"]), eps=recipe["epsilon"], **choice)
        except (TypeError, RuntimeError, ValueError):
            continue


def run_step(optimizer, batch, rate, bf16):
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext():
        loss = loss_of(batch, rate)
    loss.backward()
    if recipe["clip"] > 0:
        torch.nn.utils.clip_grad_norm_(list(p.values()), recipe["clip"])
    optimizer.step()
    return loss.item()


optimizer = fastest_adamw(recipe["learningRate"])
for line in sys.stdin:
    words = line.split()
    if words[0] == "check":
        checked = fastest_adamw(float(words[2]))
        losses = [run_step(checked, batch, 0, False) for batch in batches[: int(words[1])]]
        with torch.no_grad():
            for name, value in read_start()[0].items():
                p[name].copy_(value)
                p[name].grad = None
        say(losses=losses)
    else:
        start = time.perf_counter()
        for _ in range(int(words[1])):
            for batch in batches:
                loss = run_step(optimizer, batch, recipe["dropout"], setting["precision"] == "bf16")
        say(seconds=time.perf_counter() - start, loss=loss)
