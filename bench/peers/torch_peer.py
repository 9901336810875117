"""What the PyTorch peers share: answers as lines of JSON, numbers from a file, the encoder of a recipe, AdamW at its fastest.

A peer whose Python has no PyTorch says so and ends. The encoder's definition is that of test/golden/scripts/make-model.py, written with
what PyTorch (1.13 or newer) has that is fast.
"""
import json, math, sys


def say(**answer):
    print(json.dumps(answer), flush=True)


try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    say(absent=f"{sys.executable}: {error}")
    sys.exit(0)

say(name=f"PyTorch {torch.__version__}")


place = "cpu"


def read_setting():
    """The first line: what is to be run, on how many threads, and where (cpu unless it says)."""
    setting = json.loads(sys.stdin.readline())
    torch.set_num_threads(setting["threads"])
    global place
    place = setting.get("device", "cpu")
    return setting


def take(file, shape, dtype):
    """The next numbers of a file, four bytes each."""
    return torch.frombuffer(bytearray(file.read(4 * math.prod(shape))), dtype=dtype).reshape(shape).to(place)


def take_indices(file, *shape):
    return take(file, shape, torch.int32).long()


def take_parameters(file, listed):
    """Parameters by name; matrices, which are stored (in, out), as the (out, in) of linear layers."""
    values = {}
    for q in listed:
        value = take(file, q["shape"], torch.float32)
        values[q["name"]] = value.T.contiguous() if q["role"] == "matrix" else value
    return values


def as_it_is(x):
    return x


class Encoder:
    def __init__(self, model, parameters):
        self.p, self.rotary = parameters, model["positions"] == "rotary"
        self.C, self.L, self.H, S = (model[k] for k in ["width", "layers", "heads", "sequenceLength"])
        self.D = self.C // self.H
        half = self.D // 2
        turns = torch.arange(S).double()[:, None] * 10000 ** (-torch.arange(half).double() / half)
        self.cosine, self.sine = (torch.cat([f] * 2, -1).float().to(place) for f in [turns.cos(), turns.sin()])
        angles = torch.arange(S).double()[:, None] * 10000 ** (-torch.arange(0, self.C, 2).double() / self.C)
        self.sinusoid = torch.stack([angles.sin(), angles.cos()], -1).reshape(S, self.C).float().to(place)

    def norm(self, x, name):
        return F.layer_norm(x, (self.C,), self.p[name + ".weight"], self.p[name + ".bias"], 1e-12)

    def rotate(self, x):
        S, half = x.shape[-2], self.D // 2
        return x * self.cosine[:S] + torch.cat([-x[..., half:], x[..., :half]], -1) * self.sine[:S]

    def attend(self, q, k, v, real):
        mask = None if real is None else real[:, None, None, :]
        if hasattr(F, "scaled_dot_product_attention"):
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        scores = q @ k.transpose(-2, -1) * (1 / math.sqrt(self.D))
        return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -math.inf), -1) @ v

    def __call__(self, tokens, real=None, drop=as_it_is):
        """Final hidden states (B, S, C) of tokens (B, S); `real` (B, S) is false where a sequence is padded."""
        p, (B, S) = self.p, tokens.shape
        x = F.embedding(tokens, p["embedding.word"])
        if not self.rotary:
            x = x + p["embedding.scale"] * self.sinusoid[:S]
        x = drop(self.norm(x, "embedding.norm"))
        for l in range(self.L):
            n = f"layers.{l}."
            projected = F.linear(self.norm(x, n + "attention.norm"), p[n + "attention.qkv"])
            q, k, v = projected.view(B, S, 3, self.H, self.D).permute(2, 0, 3, 1, 4)
            if self.rotary:
                q, k = self.rotate(q), self.rotate(k)
            o = self.attend(q, k, v.to(q.dtype), real).transpose(1, 2).reshape(B, S, self.C)
            x = x + drop(F.linear(o, p[n + "attention.output"]))
            value, gate = F.linear(self.norm(x, n + "feedForward.norm"), p[n + "feedForward.in"]).chunk(2, -1)
            x = x + drop(F.linear(value * F.gelu(gate), p[n + "feedForward.out"]))
        return self.norm(x, "final.norm")


def fastest_adamw(parameters, role, settings, rate):
    """AdamW over parameters by name, norms without weight decay, fused or by lists where this PyTorch can."""
    groups = [
        {"params": [v for n, v in parameters.items() if role[n] != "norm"], "weight_decay": settings["weightDecay"]},
        {"params": [v for n, v in parameters.items() if role[n] == "norm"], "weight_decay": 0.0},
    ]
    betas = (settings["beta1"], settings["beta2"])
    for choice in [{"fused": True}, {"foreach": True}, {}]:
        try:
            return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=settings["epsilon"], **choice)
        except (TypeError, RuntimeError, ValueError):
            continue


def put_back(parameters, initial):
    """Undoes steps: the initial values, and no gradients."""
    with torch.no_grad():
        for name, value in initial.items():
            parameters[name].copy_(value)
            parameters[name].grad = None
