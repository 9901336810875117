"""Makes variants.json: tiny models of every option in float64 PyTorch, their logits, loss and gradients.

Needs torch and numpy. Run: python make-variants.py > variants.json
Parameters are a formula of their name and index, which the test computes too, so that none are stored. Of logits and of each gradient two
numbers are kept: the norm, and the product with a fixed vector of the same formula.
Gradients stand in the order of the parameters' names, which are those that this writing of a variant reads.
"""
import json, math, sys, numpy, torch
import torch.nn.functional as F

from formula import formula

torch.set_default_dtype(torch.float64)
V, L, S, B = 19, 2, 6, 2

class Model:
    def __init__(self, shape):
        self.shape, self.read = shape, {}

    def get(self, path, default):
        value = self.shape
        for key in path.split("."):
            if not isinstance(value, dict) or key not in value:
                return default
            value = value[key]
        return value

    def p(self, name, *size):
        if name not in self.read:
            count = math.prod(size)
            values = formula(name, count).reshape(size)
            last = name.split(".")[-1]
            if last in ("weight", "residual", "scoreGain", "queryGain", "keyGain") and len(size) == 1:
                values = 1 + 0.1 * values
            elif len(size) == 1:
                values = 0.1 * values + (0.5 if last in ("valueMixture", "embeddingSkip", "share") else 0)
                if last == "qkGain": values = values + 2
            else:
                values = 0.3 * values
            self.read[name] = values.float().double().requires_grad_()
        return self.read[name]

    def norm(self, x, name):
        kind, C, eps = self.get("norm", "layer"), x.shape[-1], self.get("normEpsilon", 1e-12)
        if kind == "layer": y = F.layer_norm(x, (C,), eps=eps)
        elif kind == "rms": y = F.rms_norm(x, (C,), eps=eps)
        else: y = x / (x.pow(2).sum(-1, keepdim=True) + eps).sqrt()
        if self.get("normGain", True): y = y * self.p(name + ".weight", 1 if kind == "scale" else C)
        if self.get("normBias", True): y = y + self.p(name + ".bias", C)
        return y

    def project(self, x, name, columns):
        y = x @ self.p(name, x.shape[-1], columns)
        return y + self.p(name + ".bias", columns) if self.get("biases", False) else y

    def activate(self, h):
        plain = {"gelu": F.gelu, "relu": F.relu, "relu-squared": lambda x: F.relu(x) ** 2, "silu": F.silu, "tanh": torch.tanh}
        gated = {"geglu": "gelu", "reglu": "relu", "relu-squared-glu": "relu-squared", "swiglu": "silu", "tanh-glu": "tanh"}
        name = self.get("activation", "geglu")
        if name in plain: return plain[name](h)
        value, gate = h.chunk(2, -1)
        return value * plain[gated[name]](gate)

    # Positions

    def sinusoid(self, C):
        t = torch.zeros(S, C)
        for p in range(S):
            for i in range(0, C, 2):
                angle = p * 10000 ** (-i / C)
                t[p, i], t[p, i + 1] = math.sin(angle), math.cos(angle)
        return t

    def rotate(self, x, base, stride=1):  # (B, H, S, D)
        D, S = x.shape[-1], x.shape[-2]
        half = D // 2
        turning = round(self.get("rotaryShare", 1) * half)
        frequency = torch.zeros(half)
        frequency[:turning] = base ** (-torch.arange(turning) / turning)
        angle = stride * torch.arange(S)[:, None] * frequency
        cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin

    # A funnel: (B, S, …) to (B, S / by, …), means of neighbours among the first of each sequence, or the other way

    def shorten(self, x, by, lengths):
        return torch.stack([torch.stack([
            row[i : min(i + by, int(n))].mean(0) if i < n else torch.zeros_like(row[0]) for i in range(0, row.shape[0], by)
        ]) for row, n in zip(x, lengths)])

    def resample(self, x, before, behind, lengths):
        if behind > before: return self.shorten(x, behind // before, lengths)
        return x.repeat_interleave(before // behind, 1)

    # Mixers: (B, S, C) to (B, S, C)

    def attention(self, x, depth, lengths, first=True):
        S, strides = x.shape[1], self.get("strides", [])
        stride = strides[depth % len(strides) - 1] if strides and depth % len(strides) else 1
        C, H, layer = self.shape["width"], self.shape["heads"], depth % self.shape["layers"]
        n = f"layers.{layer}.attention."
        at = lambda key, default: self.get("mixer." + key, default) if self.get("mixer.name", "attention") == "attention" else default
        D = at("headWidth", 0) or C // H
        qkv = self.project(x, n + "qkv", 3 * H * D).view(B, S, 3, H, D).permute(2, 0, 3, 1, 4)
        q, k, v = qkv
        if at("qkNorm", "none") != "none":
            eps = self.get("normEpsilon", 1e-12)
            rms = lambda y: y / (y.pow(2).mean(-1, keepdim=True) + eps).sqrt()
            gain = self.p(n + "qkGain", 1) if at("qkNorm", "") == "learned" else at("qkGain", 0) or 15 / math.sqrt(D)
            q, k = rms(q) * gain, rms(k)
        if self.shape["positions"] == "rotary":
            bases = self.get("rotaryBases", [10000])
            base = bases[depth % len(bases)]
            q, k = self.rotate(q, base, stride), self.rotate(k, base, stride)
        if at("valueResidual", False):
            if not hasattr(self, "first"): self.first = v
            elif layer > 0:
                share = self.p(n + "valueMixture", 1)
                v = (1 - share) * v + share * self.first
        if at("valueEmbeddings", False) and layer % 2 == 1:
            gate = 3 * torch.sigmoid(x[..., : min(12, C)] @ self.p(n + "valueGate", min(12, C), H))  # (B, S, H)
            table = F.embedding(self.tokens, self.p(n + "valueEmbedding", V, H * D)).view(B, S, H, D)
            v = v + (gate[..., None] * table).transpose(1, 2)
        behind = strides[depth % len(strides)] if strides else 1
        if behind > stride:
            q = self.shorten(q.transpose(1, 2), behind // stride, lengths).transpose(1, 2)
        scores = q @ k.transpose(-1, -2) / math.sqrt(D)
        causal = at("causal", False)
        key, query = torch.arange(S)[None, None, None, :], torch.arange(S)[None, None, :, None]
        seen = (key < lengths[:, None, None, None]) & (key <= query if causal else torch.tensor(True))
        seen = seen.expand(B, 1, S, S)[:, :, : q.shape[2]]
        count = seen.sum(-1, keepdim=True).double()
        kind = at("scores", "softmax")
        if kind == "softmax": w = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        elif kind == "identity": w = scores / count.sqrt()
        elif kind == "cumsum": w = scores.masked_fill(~seen, 0).cumsum(-1) / count.sqrt()
        elif kind == "cumsumexp": w = scores.masked_fill(~seen, -torch.inf).logcumsumexp(-1) / count.sqrt()
        elif kind == "norm":
            rows = []
            for b in range(B):
                s = scores[b, :, :, : int(lengths[b])]
                rows.append(F.pad(F.layer_norm(s, (s.shape[-1],), eps=1e-12), (0, S - s.shape[-1])))
            w = torch.stack(rows) * self.p(n + "scoreGain", H)[:, None, None] + self.p(n + "scoreBias", H)[:, None, None]
        w = w.masked_fill(~seen, 0)
        mixed = (w @ v).transpose(1, 2).reshape(B, q.shape[2], H * D)
        if behind < stride: mixed = self.resample(mixed, stride, behind, lengths)
        return self.project(mixed, n + "output", C)

    def fourier(self, x, depth, lengths):
        layers = self.shape["layers"]
        if depth % layers >= layers - self.get("mixer.attentionLayers", 0): return self.attention(x, depth, lengths)
        out = torch.zeros_like(x)
        for b in range(B):
            n = int(lengths[b])
            y = torch.fft.fft(torch.fft.fft(x[b, :n], dim=-1), dim=0).real
            wanted = numpy.fft.fft2(x[b, :n].detach().numpy()).real
            assert numpy.allclose(y.detach().numpy(), wanted), "torch and numpy differ"
            # Unitary for the length that is transformed: padding changes nothing.
            if self.get("mixer.unitary", False): y = y / math.sqrt(n * x.shape[-1])
            out = out + F.pad(y, (0, 0, 0, S - n))[None] * (torch.arange(B) == b)[:, None, None]
        return out

    def gated_unit(self, x, depth, lengths):
        C, n = self.shape["width"], f"layers.{depth % self.shape['layers']}.attention."
        E, Q = self.get("mixer.expansion", 2) * C, self.get("mixer.queryWidth", 128)
        u, v, z = F.silu(self.project(x, n + "in", 2 * E + Q)).split([E, E, Q], -1)
        q = z * self.p(n + "queryGain", Q) + self.p(n + "queryBias", Q)
        k = z * self.p(n + "keyGain", Q) + self.p(n + "keyBias", Q)
        a = F.relu(q @ k.transpose(-1, -2)) ** 2 / lengths[:, None, None]
        a = a.masked_fill(torch.arange(S)[None, None, :] >= lengths[:, None, None], 0)
        return self.project(u * (a @ v), n + "output", C)

    def mix(self, x, depth, lengths):
        name = self.get("mixer.name", "attention")
        if name == "attention": return self.attention(x, depth, lengths)
        if name == "fourier": return self.fourier(x, depth, lengths)
        if name == "gated-unit": return self.gated_unit(x, depth, lengths)
        return x

    def logits(self, tokens, predicted, lengths):
        get, C, layers = self.get, self.shape["width"], self.shape["layers"]
        self.tokens = tokens
        E = get("embedding.width", 0) or C
        x = F.embedding(tokens, self.p("embedding.word", V, E))
        positions = self.shape["positions"]
        if positions == "scaled-sinusoidal": x = x + self.p("embedding.scale", 1) * self.sinusoid(E)
        if positions == "sinusoidal": x = x + self.sinusoid(E)
        if positions == "learned": x = x + self.p("embedding.position", S, E)
        if get("segments", False): x = x + self.p("embedding.segment", 2, E)[0]
        if get("embedding.norm", True): x = self.norm(x, "embedding.norm")
        if E < C: x = self.project(x, "embedding.projection", C)
        if get("embedding.tokenShift", False):
            gate = torch.sigmoid(x[..., : min(12, C)] @ self.p("embedding.shift", min(12, C), 2)) * self.p("embedding.shift.share", 2)
            real = (torch.arange(S)[None, :] < lengths[:, None])[..., None]
            before, after = F.pad(x, (0, 0, 1, 0))[:, :S], F.pad(x * real, (0, 0, 0, 1))[:, 1:]
            x = x + gate[..., :1] * before + gate[..., 1:] * after
        k = get("embedding.neighbours", 0)
        if k:
            real = x * (torch.arange(S)[None, :] < lengths[:, None])[..., None]
            before = [F.pad(x, (0, 0, j, 0))[:, :S] for j in range(k, 0, -1)]
            after = [F.pad(real, (0, 0, 0, j))[:, j:] for j in range(1, k + 1)]
            x = x + self.project(torch.cat(before + after, -1), "embedding.neighbours", C)
        bigrams = None
        rows = get("embedding.bigramRows", 0)
        if rows:
            before = F.pad(tokens, (1, 0))[:, :S]
            index = (36313 * tokens + 27191 * before) % (rows - 1)
            index[:, 0] = rows - 1
            bigrams = F.embedding(index, self.p("embedding.bigram", rows, C))
        x0, scheme = x, get("normalisation", "pre")
        depths = layers * get("repeats", 1)
        strides, whole, passed = get("strides", []), lengths, []
        narrowest = [l for l, stride in enumerate(strides) if stride == max(strides)]
        for depth in range(depths):
            l = depth % layers
            before, behind = (strides[l - 1] if l else 1, strides[l]) if strides else (1, 1)
            lengths = -(-whole // before)
            carry = (lambda y: y) if before == behind else (lambda y: self.resample(y, before, behind, lengths))
            # As the reference: states on the way down are kept, and on the way up added, the last one first.
            if strides and l <= narrowest[0]: passed.append(x)
            n = f"layers.{l}."
            if get("residual.scalars", False): x = x * self.p(n + "residual", 1)
            if get("residual.embeddingSkip", False): x = x + self.p(n + "embeddingSkip", 1) * x0
            if bigrams is not None: x = x + self.p(n + "bigramShare", 1) * bigrams
            every = get("feedForwardEvery", 1)
            feeds = every > 0 and (l + 1) % every == 0
            feed = lambda y: self.project(self.activate(self.project(y, n + "feedForward.in", self.shape["feedForward"])), n + "feedForward.out", C)
            if scheme in ("post", "deep"):
                alpha = (2 * depths) ** 0.25 if scheme == "deep" else 1
                x = self.norm(alpha * carry(x) + self.mix(x, depth, lengths), n + "attention.norm")
                if feeds: x = self.norm(alpha * x + feed(x), n + "feedForward.norm")
                if strides and l > narrowest[-1]: x = x + passed.pop()
                continue
            out = (lambda y, name: self.norm(y, n + name)) if scheme == "sandwich" else (lambda y, name: y)
            h = x if l == 0 and not get("firstAttentionNorm", True) else self.norm(x, n + "attention.norm")
            y = carry(x) + out(self.mix(h, depth, lengths), "attention.outputNorm")
            if feeds:
                read = carry(h) if get("parallel", False) else self.norm(y, n + "feedForward.norm")
                y = y + out(feed(read), "feedForward.outputNorm")
            x = y
            if strides and l > narrowest[-1]: x = x + passed.pop()
        if scheme in ("pre", "sandwich"): x = self.norm(x, "final.norm")
        x = x.reshape(B * S, C)[predicted]
        if get("head", "tied") == "transform": x = self.norm(F.gelu(self.project(x, "head.dense", E)), "head.norm")
        elif E < C: x = self.project(x, "head.projection", E)
        table = self.p("embedding.word", V, E) if get("decoder.tied", True) else self.p("head.decoder", V, E)
        z = x @ table.T
        bias = get("decoder.bias", "transform")
        if bias == "always" or (bias == "transform" and get("head", "tied") == "transform"): z = z + self.p("head.bias", V)
        cap = get("decoder.logitCap", 0)
        return cap * torch.tanh(z / cap) if cap else z

base = {"width": 12, "layers": L, "heads": 3, "feedForward": 16, "vocabulary": V, "sequenceLength": S, "positions": "scaled-sinusoidal"}
attention = lambda **settings: {"mixer": {"name": "attention", **settings}}
fourier = lambda **settings: {"heads": 1, "mixer": {"name": "fourier", **settings}}
unit = {"heads": 1, "mixer": {"name": "gated-unit", "expansion": 2, "queryWidth": 6}}
variants = {
    "plain": {},
    **{f"positions {name}": {"positions": name} for name in ["sinusoidal", "learned", "none", "rotary"]},
    "rotary share and bases": {"positions": "rotary", "rotaryShare": 0.5, "rotaryBases": [50, 10000], "heads": 2, "width": 16},
    **{f"scores {name}": attention(scores=name) for name in ["norm", "identity", "cumsum", "cumsumexp"]},
    "causal": attention(causal=True),
    "causal cumsum": attention(causal=True, scores="cumsum"),
    "head width": attention(headWidth=6),
    "one head": {"heads": 1},
    "fixed qk norm": attention(qkNorm="fixed"),
    "qk norm with a gain": {"positions": "rotary", **attention(qkNorm="fixed", qkGain=2.5)},
    "learned qk norm": attention(qkNorm="learned"),
    "value residual": {"layers": 3, **attention(valueResidual=True)},
    "value embeddings": attention(valueEmbeddings=True),
    "fourier": fourier(),
    "unitary fourier": fourier(unitary=True),
    "fourier hybrid": {**fourier(attentionLayers=1), "heads": 3},
    "identity": {"heads": 1, "mixer": {"name": "identity"}},
    "gated unit": unit,
    "gated units alone": {**unit, "feedForwardEvery": 0, "feedForward": 2, "biases": True},
    **{f"norm {name}{'' if gain else ' without gain'}{'' if bias else ' without bias'}": {"norm": name, "normGain": gain, "normBias": bias, "normEpsilon": 1e-5}
       for name in ["layer", "rms", "scale"] for gain in [True, False] for bias in [True, False] if not (name == "scale" and bias and not gain)},
    **{f"normalisation {name}": {"normalisation": name} for name in ["post", "sandwich", "deep"]},
    "no first norm": {"firstAttentionNorm": False},
    **{f"activation {name}": {"activation": name} for name in ["gelu", "relu", "relu-squared", "silu", "tanh", "reglu", "relu-squared-glu", "swiglu", "tanh-glu"]},
    "biases": {"biases": True},
    "feed-forward in every second layer": {"feedForwardEvery": 2},
    "parallel": {"parallel": True},
    "parallel sandwich": {"parallel": True, "normalisation": "sandwich"},
    "narrow embedding": {"embedding": {"width": 8}},
    "narrow embedding with a transform": {"embedding": {"width": 8}, "head": "transform", "biases": True, "positions": "learned"},
    "no embedding norm": {"embedding": {"norm": False}},
    "token shift": {"embedding": {"tokenShift": True}},
    "neighbours": {"embedding": {"neighbours": 2}, "biases": True},
    "bigrams": {"embedding": {"bigramRows": 23}},
    "untied": {"decoder": {"tied": False}},
    "decoder bias": {"decoder": {"bias": "always"}},
    "transform": {"head": "transform"},
    "transform without decoder bias": {"head": "transform", "decoder": {"bias": "never"}},
    "logit cap": {"decoder": {"logitCap": 3}},
    "repeats": {"repeats": 2},
    "residual scalars": {"residual": {"scalars": True}},
    "embedding skip": {"residual": {"embeddingSkip": True}},
    "segments": {"segments": True},
    "funnel": {"layers": 4, "strides": [2, 6, 2, 1]},
    "funnel with rotary positions": {"layers": 5, "strides": [1, 2, 2, 1, 1], "positions": "rotary", "heads": 2, "biases": True},
    "parallel funnel with scores": {"strides": [3, 1], "parallel": True, **attention(scores="cumsumexp", qkNorm="fixed")},
    "repeated funnel with norms behind": {"strides": [2, 1], "repeats": 2, "normalisation": "post"},
}

def summarise(name, values):
    flat = values.detach().reshape(-1)
    return [float(f"{v:.9g}") for v in [flat.norm().item(), (flat @ formula(name + " probe", len(flat))).item()]]

torch.manual_seed(3)
tokens = torch.randint(0, V, (B, S))
predicted = torch.tensor([0, 3, 5, 6, 8, 9])
labels = torch.randint(0, V, (6,))
padded = torch.tensor([S, 4])
predicted_padded = torch.tensor([0, 3, 5, 6, 8, 9])
out = {"tokens": tokens.reshape(-1).tolist(), "predicted": predicted.tolist(), "labels": labels.tolist(), "lengths": padded.tolist(), "sequences": B, "variants": {}}
for name, settings in variants.items():
    case = {"settings": {**base, **settings}}
    for kind, lengths in [("full", torch.full((B,), S)), ("padded", padded)]:
        model = Model(case["settings"])
        z = model.logits(tokens, predicted, lengths)
        loss = F.cross_entropy(z, labels)
        loss.backward()
        case[kind] = {"logits": summarise("logits", z), "loss": float(f"{loss.item():.10g}")}
        if kind == "full":
            case["gradients"] = [summarise(k, model.read[k].grad) for k in sorted(model.read)]
    out["variants"][name] = case
print(json.dumps(out, separators=(",", ":")))
