"""The model and step of a recipe in PyTorch (1.13 or newer), driven by lines of bench/torch-step.ts.

Reads one line of JSON, the recipe with the place of a file: initial parameters (f32, in the order listed, matrices stored
(in, out)), then tokens, predicted positions and labels (i32). Then answers each line with one line of JSON:
  check    two steps in f32 from the initial parameters: losses, gradient norm of the first; undone afterwards
  step N   N steps: their seconds, the last loss, the peak memory so far
The definition is that of test/golden/make-model.py, written with what PyTorch has that is fast.
"""
import json, math, resource, sys, time
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
model, optimizer = setting["model"], setting["optimizer"]
C, L, H, S, V = (model[k] for k in ["width", "layers", "heads", "sequenceLength", "vocabulary"])
B, D, rotary = setting["sequences"], C // H, model["positions"] == "rotary"
torch.set_num_threads(setting["threads"])


def read_tensors():
    """Parameters by name, linear layers as (out, in), and the batch."""
    with open(setting["file"], "rb") as file:
        def take(shape, dtype):
            return torch.frombuffer(bytearray(file.read(4 * math.prod(shape))), dtype=dtype).reshape(shape)
        listed = {}
        for p in setting["parameters"]:
            value = take(p["shape"], torch.float32)
            listed[p["name"]] = value.T.contiguous() if p["role"] == "matrix" else value
        batch = [take([n], torch.int32).long() for n in [B * S, setting["predictions"], setting["predictions"]]]
    return listed, batch


initial, (tokens, predicted, labels) = read_tensors()
p = {name: value.requires_grad_() for name, value in initial.items()}
role = {q["name"]: q["role"] for q in setting["parameters"]}
parts = {q["name"]: q["parts"] for q in setting["parameters"]}

half = D // 2
turns = torch.arange(S).double()[:, None] * 10000 ** (-torch.arange(half).double() / half)
cosine, sine = (torch.cat([f] * 2, -1).float() for f in [turns.cos(), turns.sin()])
angles = torch.arange(S).double()[:, None] * 10000 ** (-torch.arange(0, C, 2).double() / C)
sinusoid = torch.stack([angles.sin(), angles.cos()], -1).reshape(S, C).float()


def norm(x, name):
    return F.layer_norm(x, (C,), p[name + ".weight"], p[name + ".bias"], 1e-12)


def rotate(x):
    return x * cosine + torch.cat([-x[..., half:], x[..., :half]], -1) * sine


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    return torch.softmax(q @ k.transpose(-2, -1) * (1 / math.sqrt(D)), -1) @ v


def loss_of(tokens, predicted, labels):
    x = F.embedding(tokens, p["embedding.word"]).view(B, S, C)
    if not rotary:
        x = x + p["embedding.scale"] * sinusoid
    x = norm(x, "embedding.norm")
    for l in range(L):
        n = f"layers.{l}."
        projected = F.linear(norm(x, n + "attention.norm"), p[n + "attention.qkv"])
        q, k, v = projected.view(B, S, 3, H, D).permute(2, 0, 3, 1, 4)
        if rotary:
            q, k = rotate(q), rotate(k)
        o = attend(q, k, v.to(q.dtype)).transpose(1, 2).reshape(B, S, C)
        x = x + F.linear(o, p[n + "attention.output"])
        value, gate = F.linear(norm(x, n + "feedForward.norm"), p[n + "feedForward.in"]).chunk(2, -1)
        x = x + F.linear(value * F.gelu(gate), p[n + "feedForward.out"])
    rows = norm(x, "final.norm").view(B * S, C).index_select(0, predicted)
    return F.cross_entropy(F.linear(rows, p["embedding.word"]).float(), labels)


timed_loss = torch.compile(loss_of) if setting["compile"] else loss_of


def orthogonalise(x):
    if x.shape[0] > x.shape[1]:
        return orthogonalise(x.T).T
    y = x / (x.norm() + 1e-7)
    for _ in range(5):
        g = y @ y.T
        y = 3.4445 * y + (-4.7750 * g + 2.0315 * g @ g) @ y
    return y


class Muon:
    def __init__(self, matrices):
        self.matrices, self.momenta = matrices, {n: torch.zeros_like(m) for n, m in matrices.items()}

    @torch.no_grad()
    def step(self):
        lr, mu = optimizer["muonLearningRate"], optimizer["muonMomentum"]
        for name, w in self.matrices.items():
            m = self.momenta[name].mul_(mu).add_(w.grad)
            pieces = [
                orthogonalise(g) * math.sqrt(max(1, g.shape[0] / g.shape[1]))
                for g in (w.grad + mu * m).chunk(parts[name], 0)
            ]
            w.mul_(1 - lr * optimizer["weightDecay"]).sub_(lr * torch.cat(pieces, 0))


def fastest_adamw(groups, **settings):
    for choice in [{"fused": True}, {"foreach": True}, {}]:
        try:
            return torch.optim.AdamW(groups, **choice, **settings)
        except (TypeError, RuntimeError, ValueError):
            continue


def make_optimizers():
    muon = optimizer["name"] == "muon"
    rest = {n: v for n, v in p.items() if not (muon and role[n] == "matrix")}
    adamw = fastest_adamw(
        [
            {"params": [v for n, v in rest.items() if role[n] != "norm"], "weight_decay": optimizer["weightDecay"]},
            {"params": [v for n, v in rest.items() if role[n] == "norm"], "weight_decay": 0.0},
        ],
        lr=optimizer["learningRate"],
        betas=(optimizer["beta1"], optimizer["beta2"]),
        eps=optimizer["epsilon"],
    )
    return [adamw] + ([Muon({n: v for n, v in p.items() if n not in rest})] if muon else [])


def run_step(optimizers, compute_loss, bf16):
    for value in p.values():
        value.grad = None
    with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext():
        loss = compute_loss(tokens, predicted, labels)
    loss.backward()
    size = torch.nn.utils.clip_grad_norm_(list(p.values()), optimizer["clip"] or math.inf)
    for each in optimizers:
        each.step()
    return loss.item(), size.item()


def peak_bytes():
    """The high-water mark of this program; getrusage's would count the parent's, which exec inherits."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


optimizers = make_optimizers()
for line in sys.stdin:
    words = line.split()
    if words[0] == "check":
        checked = make_optimizers()
        (first, size), (second, _) = (run_step(checked, loss_of, False) for _ in range(2))
        del checked
        with torch.no_grad():
            for name, value in read_tensors()[0].items():
                p[name].copy_(value)
                p[name].grad = None
        say(losses=[first, second], gradientNorm=size)
    else:
        start = time.perf_counter()
        for _ in range(int(words[1])):
            loss, _ = run_step(optimizers, timed_loss, setting["precision"] == "bf16")
        say(seconds=time.perf_counter() - start, loss=loss, peakBytes=peak_bytes())
