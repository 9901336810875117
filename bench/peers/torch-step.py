"""The model and step of a recipe in PyTorch (1.13 or newer), driven by lines of bench/torch-step.ts.

Reads one line of JSON, the recipe with the place of a file: initial parameters (f32, in the order listed, matrices stored
(in, out)), then tokens, predicted positions and labels (i32). Then answers each line with one line of JSON:
  check    two steps in f32 from the initial parameters: losses, gradient norm of the first; undone afterwards
  step N   N steps: their seconds, the last loss, the peak memory so far
"""
import math, resource, sys, time
from contextlib import nullcontext

from torch_peer import Encoder, F, fastest_adamw, put_back, read_setting, say, take_indices, take_parameters, torch

setting = read_setting()
device = setting.get("device", "cpu")
model, optimizer, B = setting["model"], setting["optimizer"], setting["sequences"]


def read_start():
    """Parameters by name, and the batch."""
    with open(setting["file"], "rb") as file:
        parameters = take_parameters(file, setting["parameters"])
        tokens = take_indices(file, B, model["sequenceLength"])
        return parameters, (tokens, *(take_indices(file, setting["predictions"]) for _ in range(2)))


initial, (tokens, predicted, labels) = read_start()
p = {name: value.requires_grad_() for name, value in initial.items()}
role = {q["name"]: q["role"] for q in setting["parameters"]}
parts = {q["name"]: q["parts"] for q in setting["parameters"]}
encode = Encoder(model, p)


def loss_of(tokens, predicted, labels):
    rows = encode(tokens).flatten(0, 1).index_select(0, predicted)
    return F.cross_entropy(F.linear(rows, p["embedding.word"]).float(), labels)


timed_loss = torch.compile(loss_of) if setting["compile"] else loss_of


# As torch.optim.Muon and Jordan's own do it, Newton–Schulz is in bf16 where the step is.
iterated = torch.bfloat16 if setting["precision"] == "bf16" else torch.float32


def update_alike(weights, gradients, momenta, parts):
    """Nesterov's momentum, orthogonalised, of matrices (out, in) of one shape, each of so many parts one on the other: all products are batched."""
    lr, mu, decay = (optimizer[k] for k in ["muonLearningRate", "muonMomentum", "weightDecay"])
    g = torch.stack(gradients)
    momenta.mul_(mu).add_(g)
    N, out, width = g.shape
    high = out // parts
    x = (g + mu * momenta).view(N * parts, high, width)
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(iterated)
    x = x.mT if high > width else x
    for _ in range(5):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    x = (x.mT if high > width else x).reshape(N, out, width)
    for w, step in zip(weights, x):
        w.mul_(1 - lr * decay).sub_(step, alpha=lr * math.sqrt(max(1, high / width)))


timed_update = torch.compile(update_alike, dynamic=False) if setting["compileUpdate"] else update_alike


class Muon:
    def __init__(self, matrices):
        alike = {}
        for name, w in matrices.items():
            alike.setdefault((tuple(w.shape), parts[name]), []).append(w)
        self.groups = [(ws, torch.zeros(len(ws), *shape, device=device), n) for (shape, n), ws in alike.items()]

    @torch.no_grad()
    def step(self):
        for weights, momenta, n in self.groups:
            timed_update(weights, [w.grad for w in weights], momenta, n)


def make_optimizers():
    muon = optimizer["name"] == "muon"
    rest = {n: v for n, v in p.items() if not (muon and role[n] == "matrix")}
    adamw = fastest_adamw(rest, role, optimizer, optimizer["learningRate"])
    return [adamw] + ([Muon({n: v for n, v in p.items() if n not in rest})] if muon else [])


def run_step(optimizers, compute_loss, bf16):
    for value in p.values():
        value.grad = None
    with torch.autocast(device, dtype=torch.bfloat16) if bf16 else nullcontext():
        loss = compute_loss(tokens, predicted, labels)
    loss.backward()
    size = torch.nn.utils.clip_grad_norm_(list(p.values()), optimizer["clip"] or math.inf)
    for each in optimizers:
        each.step()
    return loss.item(), size.item()


def peak_bytes():
    """On a GPU what PyTorch held at most. On a processor the high-water mark of this program; getrusage's would count the parent's, which exec inherits."""
    if device == "cuda":
        return torch.cuda.max_memory_reserved()
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
        put_back(p, read_start()[0])
        say(losses=[first, second], gradientNorm=size)
    else:
        start = time.perf_counter()
        for _ in range(int(words[1])):
            loss, _ = run_step(optimizers, timed_loss, setting["precision"] == "bf16")
        say(seconds=time.perf_counter() - start, loss=loss, peakBytes=peak_bytes())
