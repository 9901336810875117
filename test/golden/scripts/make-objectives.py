"""Makes objectives.json: the loss of every objective on a tiny model, and every gradient, in float64 PyTorch.

Needs torch. Run: python make-objectives.py > objectives.json
Models are written again here, as each objective's paper has it. Parameters are a formula of their name and index, as in
make-variants.py, and of each gradient two numbers are kept: its norm, and its product with a fixed vector of that formula. Gradients
stand in the order of the parameters' names.
"""
import json, math, torch
import torch.nn.functional as F

from formula import formula

torch.set_default_dtype(torch.float64)
B, S, V, MASK = 4, 8, 19, 6
base = {"width": 8, "layers": 3, "heads": 2, "feedForward": 12, "positions": "scaled-sinusoidal"}

def philox(counter, key):
    """Philox-4x32-10 (Salmon et al. 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        low, high = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(high >> 32) ^ c[1] ^ k[0], high & 0xFFFFFFFF, (low >> 32) ^ c[3] ^ k[1], low & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c

class Network:
    """A pre-norm transformer. `read` is shared by the networks of one objective."""

    def __init__(self, read, prefix="", shared={}, trained=None, **shape):
        self.read, self.prefix, self.shared, self.shape, self.trained = read, prefix, shared, {**base, **shape}, trained

    def p(self, name, *size):
        name = self.shared.get(name, self.prefix + name)
        if name not in self.read:
            values = formula(name, math.prod(size)).reshape(size)
            gain = name.split(".")[-1] == "weight" and len(size) == 1
            values = 1 + 0.1 * values if gain else (0.1 if len(size) == 1 else 0.3) * values
            self.read[name] = values.float().double().requires_grad_()
        return self.read[name]

    def embedding_width(self):
        return self.shape.get("embedding.width", self.shape["width"])

    def norm(self, x, name):
        C = x.shape[-1]
        return F.layer_norm(x, (C,), eps=1e-12) * self.p(name + ".weight", C) + self.p(name + ".bias", C)

    def embed(self, tokens):
        C, E = self.shape["width"], self.embedding_width()
        x = F.embedding(tokens, self.p("embedding.word", V, E))
        if self.shape["positions"] == "scaled-sinusoidal":
            S = tokens.shape[1]
            angle = torch.arange(S)[:, None] * 10000 ** (-torch.arange(0, E, 2) / E)
            x = x + self.p("embedding.scale", 1) * torch.stack([angle.sin(), angle.cos()], -1).reshape(S, E)
        x = self.norm(x, "embedding.norm")
        return x if E == C else x @ self.p("embedding.projection", E, C)

    def attend(self, read, seen, layer, places, hidden=None):
        """Of rows `read` (B, Q, C) to rows `seen` (B, K, C), which stand at `places` (query, key); hidden (Q, K) are not seen."""
        C, H = self.shape["width"], self.shape["heads"]
        n, D = f"layers.{layer}.attention.", C // H
        q = (read @ self.p(n + "qkv", C, 3 * C)[:, :C]).view(B_of(read), -1, H, D).transpose(1, 2)
        k, v = [(seen @ self.p(n + "qkv", C, 3 * C)[:, C * i : C * i + C]).view(B_of(seen), -1, H, D).transpose(1, 2) for i in (1, 2)]
        if self.shape["positions"] == "rotary":
            def rotate(x, where):
                half = D // 2
                angle = where[:, None, :, None] * 10000 ** (-torch.arange(half) / half)
                cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
                return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin
            q, k = rotate(q, places[0]), rotate(k, places[1])
        scores = q @ k.transpose(-1, -2) / math.sqrt(D)
        if hidden is not None: scores = scores.masked_fill(hidden, -torch.inf)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(B_of(read), -1, C) @ self.p(n + "output", C, C)

    def layer(self, x, layer, places=None, causal=False, keep=None, documents=None):
        """keep: the rows that leave, which see all that enter. documents: of each row (B, S); those of another are not seen."""
        left = (lambda t: t) if keep is None else (lambda t: torch.stack([row[k] for row, k in zip(t, keep)]))
        scale = 1
        if self.trained:
            chance = 1 - self.trained["layerDrop"] * (layer + 1) / self.shape["layers"]
            word = philox([0, (15 << 16) + layer, 0, 0], [self.trained["seed"], 0])[0]
            if word >= round(chance * 2**32): return left(x)
            scale = 1 / chance
        S = x.shape[1]
        n, C, feed = f"layers.{layer}.", self.shape["width"], self.shape["feedForward"]
        places = torch.arange(S).expand(B_of(x), S) if places is None else places
        y = self.norm(x, n + "attention.norm")
        hidden = torch.ones(S, S).triu(1).bool() if causal else None
        if documents is not None:
            other = (left(documents)[:, :, None] != documents[:, None, :])[:, None]
            hidden = other if hidden is None else other | hidden
        x = self.join(left(x) + scale * self.attend(left(y), y, layer, (left(places), places), hidden))
        value, gate = (self.norm(x, n + "feedForward.norm") @ self.p(n + "feedForward.in", C, feed)).chunk(2, -1)
        return self.join(x + scale * ((value * F.gelu(gate)) @ self.p(n + "feedForward.out", feed // 2, C)))

    def join(self, x):
        """The residual stream behind one half of a layer, whose gradient may be rounded."""
        if "residualGradient" in self.trained: x.register_hook(lambda gradient: gradient.to(torch.bfloat16).to(gradient.dtype))
        return x

    def finish(self, x):
        return self.norm(x, "final.norm")

    def encode(self, tokens, causal=False):
        """(B, S, C), of sequences that are cut into pieces where they are trained so."""
        B, S = tokens.shape
        pieces, documents = 1, None
        if self.trained:
            pieces = self.trained["cut"]
            documents = self.trained["documents"][-B:].reshape(pieces * B, -1) if causal else self.trained["documents"][:B].reshape(pieces * B, -1)
        x = self.embed(tokens.reshape(pieces * B, -1))
        for layer in range(self.shape["layers"]): x = self.layer(x, layer, causal=causal, documents=documents)
        return self.finish(x).reshape(B, S, -1)

    def decode(self, rows):
        C, E = self.shape["width"], self.embedding_width()
        if E != C: rows = rows @ self.p("head.projection", C, E)
        return rows @ self.p("embedding.word", V, E).T

B_of = lambda x: x.shape[0]

def summarise(name, values):
    flat = values.detach().reshape(-1)
    return [float(f"{v:.9g}") for v in [flat.norm().item(), (flat @ formula(name + " probe", len(flat))).item()]]

torch.manual_seed(5)
original = torch.randint(7, V, (B, S))
k = 3

def mask(tokens, shown=None):
    """k places of each sequence that show <mask>, or what `shown` says: (masked, positions, labels)."""
    masked, positions, labels = tokens.clone(), [], []
    for b in range(len(tokens)):
        for i, s in enumerate(sorted(torch.randperm(S)[:k].tolist())):
            labels.append(tokens[b, s].item())
            masked[b, s] = MASK if shown is None or shown[i] else tokens[b, s]
            positions.append(b * S + s)
    return masked, positions, labels

cases = []
training = {}  # How the layers of the next cases are trained.
def add(name, settings, model, inputs, compute):
    """compute gives the loss, and what else the case keeps."""
    read = {}
    found = compute(lambda **more: Network(read, trained=training, **{**model, **more}))
    if training:
        name += ", residual gradient in bf16" if "residualGradient" in training else f", layers left out, documents apart, cut into {training['cut']}"
        inputs = {**inputs, "documents": training["documents"].reshape(-1).tolist(), "layerSeed": [training["seed"]]}
    loss, more = found if isinstance(found, tuple) else (found, {})
    loss.backward()
    cases.append({
        **more, **({"trained": {k: training[k] for k in ["layerDrop", "cut", "residualGradient"] if k in training}} if training else {}),
        "name": name, "objective": settings, "model": model, "inputs": inputs, "loss": float(f"{loss.item():.10g}"),
        "gradients": {k: summarise(k, read[k].grad) for k in sorted(read)},
    })

def add_mixed(causal, ahead, model={}):
    """Masked sequences first, then masked-next ones, then causal ones."""
    masked, positions, labels = mask(original[: B - causal])
    tokens = torch.cat([masked, original[B - causal :]])
    first = B - causal - ahead
    # A prediction of the next token is read one place before it; of a sequence's first token there is none.
    piece = S // training.get("cut", 1)
    moved = [p if p < first * S or p % piece == 0 else p - 1 for p in positions]
    kept = [-1 if p >= first * S and p % piece == 0 else l for p, l in zip(positions, labels)]
    def compute(make):
        network, loss = make(), 0
        if causal < B:
            rows = network.encode(masked).reshape(-1, network.shape["width"])[moved]
            loss = loss + (B - causal) / B * F.cross_entropy(network.decode(rows), torch.tensor(kept), ignore_index=-1)
        if causal > 0:
            whole = original[B - causal :]
            hidden = network.encode(whole, causal=True).reshape(-1, piece, network.shape["width"])
            labels_next = whole.reshape(-1, piece)[:, 1:]
            loss = loss + causal / B * F.cross_entropy(network.decode(hidden[:, :-1]).reshape(-1, V), labels_next.reshape(-1))
        return loss
    inputs = {"tokens": tokens.reshape(-1).tolist(), **({"positions": moved, "labels": kept} if causal < B else {})}
    settings = {"name": "mixed", "causal": causal / B, "maskedNext": ahead / B}
    add(f"mixed, {causal} causal, {ahead} masked next", settings, model, inputs, compute)

add_mixed(1, 0)
add_mixed(1, 2, {"positions": "rotary"})
add_mixed(0, 2)
add_mixed(4, 0)

def documents_of(rows):
    """Of all tokens and of these of each sequence; none where they are not kept apart."""
    if not training: return None, None
    return training["documents"], torch.stack([own[r] for own, r in zip(training["documents"], rows)])

def add_dropping(kept, first, last, decay, model={}):
    masked, positions, labels = mask(original, shown=[True, False, True])
    labels[-1] = -1  # A place without a prediction.
    must = [1 if masked[i // S, i % S] == MASK or i in positions[:-1] else 0 for i in range(B * S)]
    mean = 3 * torch.randn(V)
    value = torch.where(torch.tensor(must) == 1, torch.tensor(1e4), mean[masked.reshape(-1)]).view(B, S)
    rows = [sorted(sorted(range(S), key=lambda s: (-row[s].item(), s))[:kept]) for row in value]
    keep, layers = torch.tensor(rows), {**base, **model}["layers"]
    start = first or max(0, layers // 2 - 1)
    def compute(make):
        network = make()
        x = network.embed(masked)
        apart, own = documents_of(keep)
        for layer in range(start): x = network.layer(x, layer, documents=apart)
        narrow = network.layer(x, start, keep=keep, documents=apart)
        for layer in range(start + 1, layers - last): narrow = network.layer(narrow, layer, places=keep, documents=own)
        x = torch.stack([row.index_copy(0, k, n) for row, k, n in zip(x, keep, narrow)])
        for layer in range(layers - last, layers): x = network.layer(x, layer, documents=apart)
        logits = network.decode(network.finish(x).reshape(B * S, -1)[positions])
        losses = F.cross_entropy(logits, torch.tensor(labels), ignore_index=-1, reduction="none")
        after = mean.clone()
        for token in set(labels) - {-1}:
            own = torch.stack([l.detach() for l, label in zip(losses, labels) if label == token]).mean() - 10
            after[token] = decay * mean[token] + (1 - decay) * own
        return losses.sum() / (len(labels) - 1), {"states": {"objective.tokenLoss": mean.tolist()}, "updated": {"objective.tokenLoss": after.tolist()}, "changes": ["data.mask.unit=words"]}
    inputs = {"tokens": masked.reshape(-1).tolist(), "positions": positions, "labels": labels, "kept": must}
    settings = {"name": "token-dropping", "kept": kept / S, "firstLayers": first, "lastLayers": last, "lossDecay": decay}
    add(f"token dropping, {kept} kept behind {start} before the last {last}", settings, model, inputs, compute)

add_dropping(4, 0, 1, 0.9)
add_dropping(5, 1, 1, 0.5, {"layers": 4, "positions": "rotary"})

def add_late(last, model={}, shown=None, changes=[]):
    masked, positions, labels = mask(original, shown)
    at_mask = [[s for s in range(S) if b * S + s in positions and masked[b, s] == MASK] for b in range(B)]
    early = torch.tensor([[s for s in range(S) if s not in own] for own in at_mask])
    layers = {**base, **model}["layers"]
    def compute(make):
        network = make()
        x = network.embed(masked)
        text = torch.stack([row[k] for row, k in zip(x, early)])
        apart, own = documents_of(early)
        for layer in range(layers - last): text = network.layer(text, layer, places=early, documents=own)
        x = torch.stack([row.index_copy(0, k, n) for row, k, n in zip(x, early, text)])
        for layer in range(layers - last, layers): x = network.layer(x, layer, documents=apart)
        logits = network.decode(network.finish(x).reshape(B * S, -1)[positions])
        return F.cross_entropy(logits, torch.tensor(labels)), {"changes": changes}
    rows = (early + S * torch.arange(B)[:, None]).reshape(-1).tolist()
    inputs = {"tokens": masked.reshape(-1).tolist(), "positions": positions, "labels": labels, "early": rows}
    add(f"late masks in {last} of {layers}", {"name": "late-masks", "lastLayers": last}, model, inputs, compute)

# Of three places round(0.8 * 3) show <mask>, or all.
add_late(1, shown=[True, False, True])
add_late(2, {"positions": "rotary"}, changes=["data.mask.unit=tokens", "data.mask.masked=1", "data.mask.random=0"])

def draw(logits, seed):
    """Gumbel's largest, as the device draws: stream 8 of the host's, the middle of one of 2^23 parts of (0, 1)."""
    count = logits.numel()
    words = [word for i in range((count + 3) // 4) for word in philox([i, 8 << 16, 0, 0], [seed, 0])]
    uniform = (torch.tensor([word >> 9 for word in words[:count]]) + 0.5) * 2.0**-23
    return (logits.detach() - (-uniform.log()).log().view(logits.shape)).argmax(-1)

def corrupt(logits, tokens, positions, labels, seed):
    """Tokens with draws in place of masks, and where they are not the text's: (tokens (B, S), replaced (B·S))."""
    drawn, corrupted, replaced = draw(logits, seed), tokens.reshape(-1).clone(), torch.zeros(B * S)
    for place, label, token in zip(positions, labels, drawn.tolist()):
        if label < 0: continue
        corrupted[place], replaced[place] = token, float(token != label)
    assert 0 < replaced.sum() < len(positions)  # Some draws are right.
    return corrupted.view(B, S), replaced

def add_replaced(name, settings, model, seed, gap, run):
    masked, positions, labels = mask(original, shown=[True, True, False])
    if gap: labels[4] = labels[7] = -1
    target = torch.tensor(labels)
    def compute(make):
        logits, detect, weight = run(make, masked, positions)
        tokens, replaced = corrupt(logits, masked, positions, labels, seed)
        detection = F.binary_cross_entropy_with_logits(detect(tokens), replaced)
        more = {"changes": ["data.mask.unit=words"]} if gap else {}
        return F.cross_entropy(logits, target, ignore_index=-1) + weight * detection, more
    inputs = {"tokens": masked.reshape(-1).tolist(), "positions": positions, "labels": labels, "sampleSeed": [seed]}
    add(name, settings, model, inputs, compute)

def add_electra(width, layers, weight, shared, seed, model={}):
    whole = {**base, **model}
    narrow = lambda key: round(width * whole[key])
    names = ["word", "scale", "norm.weight", "norm.bias"]
    def run(make, masked, positions):
        own = make()
        generator = make(**{"embedding.width": narrow("width")}, width=narrow("width"), heads=narrow("heads"), feedForward=narrow("feedForward"), layers=round(layers * whole["layers"]))
        generator.prefix, C = "generator.", whole["width"]
        if shared:
            generator.shared = {f"embedding.{n}": f"embedding.{n}" for n in names}
            generator.shape["embedding.width"] = own.embedding_width()
        logits = generator.decode(generator.encode(masked).reshape(B * S, -1)[positions])
        def detect(tokens):
            x = own.encode(tokens).reshape(B * S, -1)
            h = F.gelu(x @ own.p("discriminator.dense", C, C) + own.p("discriminator.dense.bias", C))
            return (h @ own.p("discriminator.output", C, 1) + own.p("discriminator.output.bias", 1)).reshape(-1)
        return logits, detect, weight
    settings = {"name": "electra", "detectionWeight": weight, "generatorWidth": width, "generatorLayers": layers, "sharedEmbeddings": shared}
    factorised = ", factorised" if "embedding.width" in model else ""
    add_replaced(f"electra, embeddings {'shared' if shared else 'apart'}{factorised}", settings, model, seed, not shared, run)

def add_script(weight, seed, model={}):
    def run(make, masked, positions):
        network = make()
        rows = lambda tokens: network.encode(tokens).reshape(B * S, -1)
        return network.decode(rows(masked)[positions]), lambda tokens: network.decode(rows(tokens)).logsumexp(-1), weight
    add_replaced("script", {"name": "script", "criticWeight": weight}, model, seed, False, run)

add_electra(0.5, 2 / 3, 50, True, 4000000011)
add_electra(0.5, 1, 7, False, 5, {"positions": "rotary"})
add_script(0.5, 5)
# ELECTRA's small model: an embedding narrower than the model, and wider than its generator.
add_electra(0.5, 1, 50, True, 8, {"embedding.width": 6})

# Layers left out by chance, the first of them here; three documents in every sequence.
training = {"layerDrop": 0.6, "seed": 2, "cut": 1, "documents": torch.tensor([[0, 0, 0, 1, 1, 1, 1, 2]] * B)}
left_out = [philox([0, (15 << 16) + layer, 0, 0], [training["seed"], 0])[0] >= round((1 - 0.6 * (layer + 1) / 3) * 2**32) for layer in range(3)]
assert any(left_out) and not all(left_out), left_out
add_dropping(5, 0, 1, 0.9)
add_late(1, {"positions": "rotary"}, shown=[True, False, True])
training["cut"] = 2
add_mixed(1, 2)
add_electra(0.5, 1, 50, True, 8)
add_script(0.5, 6)
training.update({"layerDrop": 0, "cut": 1, "residualGradient": "bf16"})
add_mixed(1, 2)

print(json.dumps({"sequences": B, "sequenceLength": S, "vocabulary": V, "base": base, "cases": cases}, separators=(",", ":")))
