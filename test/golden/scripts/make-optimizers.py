"""Makes optimizers.json: twenty steps of every optimizer on four small parameters, in float64.

torch.optim where it has the optimizer; else the formula of its authors, written here in NumPy. The gradient is clipped as
torch.nn.utils.clip_grad_norm_ does, the norm's parameter is not decayed, and the learning rate falls linearly.
Needs torch 2.9 or later. Run: python make-optimizers.py > ../expected/optimizers.json
"""
import json, math
import numpy as np, torch

torch.set_default_dtype(torch.float64)
STEPS, CLIP = 20, 1.0
SHAPES = {"matrix": (6, 4), "embedding": (7, 4), "norm": (5,), "scale": (1,)}
rng = np.random.default_rng(11)
single = lambda x: np.round(x, 4).astype(np.float32).astype(np.float64)
START = {name: single(0.3 * rng.standard_normal(shape) + (name == "norm")) for name, shape in SHAPES.items()}
# Gradients that agree in part from step to step, above and below the limit.
TREND = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
GRADIENTS = [{name: single((0.5 + t % 3) * 0.05 * (2 * rng.standard_normal(shape) + TREND[name])) for name, shape in SHAPES.items()}
             for t in range(STEPS)]
SECOND = [{name: single(0.2 * rng.standard_normal(shape)) for name, shape in SHAPES.items()} for t in range(STEPS)]
scale_at = lambda t: 1 - (t - 1) / (2 * STEPS)  # t = 1, 2, …
decayed = lambda name: name != "norm"

def clipped(gradients):
    norm = math.sqrt(sum((g ** 2).sum() for g in gradients.values()))
    return {name: g * min(1, CLIP / (norm + 1e-6)) for name, g in gradients.items()}

def with_torch(make, rate, decay):
    """`make(groups)` gives the optimizer of two groups, the second without decay."""
    parameters = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in START.items()}
    groups = [{"params": [p for n, p in parameters.items() if decayed(n) == d], "weight_decay": decay * d} for d in (True, False)]
    optimizer = make(groups)
    for t in range(1, STEPS + 1):
        for name, gradient in clipped(GRADIENTS[t - 1]).items():
            parameters[name].grad = torch.tensor(gradient)
        for group in optimizer.param_groups:
            group["lr"] = rate * scale_at(t)
        optimizer.step()
    return {name: p.detach().numpy() for name, p in parameters.items()}

def with_numpy(step, rate, decay, factors={}, gradients=GRADIENTS):
    """`step(w, g, state, t, lr, wd, second)` gives the new parameter and changes the state, a dict."""
    values, states = {n: v.copy() for n, v in START.items()}, {n: {} for n in START}
    for t in range(1, STEPS + 1):
        for name, gradient in clipped(gradients[t - 1]).items():
            second = SECOND[t - 1][name]
            values[name] = step(values[name], gradient, states[name], t, factors.get(name, 1) * rate * scale_at(t), decay * decayed(name), second)
    return values

def mean_of(state, key, value, beta):
    state[key] = beta * state.get(key, 0 * value) + (1 - beta) * value
    return state[key]

def adamw_scale(b1, b2, eps, least):  # nanoT5, copied_utils.py
    def step(w, g, s, t, lr, wd, _):
        m, v = mean_of(s, "m", g, b1), mean_of(s, "v", g * g, b2)
        size = lr * math.sqrt(1 - b2 ** t) / (1 - b1 ** t) * max(least, math.sqrt((w * w).mean()))
        w = w - size * m / (np.sqrt(v) + eps)
        return w - lr * wd * w
    return step

def lamb(b1, b2, eps):  # algorithm 2
    def step(w, g, s, t, lr, wd, _):
        m, v = mean_of(s, "m", g, b1) / (1 - b1 ** t), mean_of(s, "v", g * g, b2) / (1 - b2 ** t)
        u = m / (np.sqrt(v) + eps) + wd * w
        return w - lr * np.linalg.norm(w) / np.linalg.norm(u) * u
    return step

def lars(momentum, nesterov, trust, clip, eps):  # apex/parallel/LARC.py around torch's SGD
    def step(w, g, s, t, lr, wd, _):
        local = trust * np.linalg.norm(w) / (np.linalg.norm(g) + wd * np.linalg.norm(w) + eps)
        g = (g + wd * w) * (min(local / lr, 1) if clip else local)
        s["sum"] = momentum * s.get("sum", 0) + g
        return w - lr * (g + momentum * s["sum"] if nesterov else s["sum"])
    return step

def lion(b1, b2):  # program 1
    def step(w, g, s, t, lr, wd, _):
        m = s.get("m", 0 * g)
        s["m"] = b2 * m + (1 - b2) * g
        return w - lr * (np.sign(b1 * m + (1 - b1) * g) + wd * w)
    return step

def apply(w, u, lr, wd, g, cautious, cautious_decay):
    """Decay and step u, the rate in it; the cautious ones of arXiv 2411.16085 and 2510.12402."""
    if cautious:
        mask = (u * g > 0).astype(float)
        u = u * mask * mask.size / (mask.sum() + 1)
    kept = np.where(u * w >= 0, 1, 0) if cautious_decay else 1
    return w - lr * wd * kept * w - u

def adamw(b1, b2, eps, cautious=False, cautious_decay=False):
    def step(w, g, s, t, lr, wd, _):
        m, v = mean_of(s, "m", g, b1) / (1 - b1 ** t), mean_of(s, "v", g * g, b2) / (1 - b2 ** t)
        return apply(w, lr * m / (np.sqrt(v) + eps), lr, wd, g, cautious, cautious_decay)
    return step

def cautious_lion(b1, b2):
    def step(w, g, s, t, lr, wd, _):
        m = s.get("m", 0 * g)
        s["m"] = b2 * m + (1 - b2) * g
        return apply(w, lr * np.sign(b1 * m + (1 - b1) * g), lr, wd, g, True, False)
    return step

def sophia(b1, b2, rho, eps, every):  # algorithm 3; SECOND is the gradient of sampled labels times the root of their number
    def step(w, g, s, t, lr, wd, second):
        m = mean_of(s, "m", g, b1)
        if (t - 1) % every == 0:
            mean_of(s, "h", second ** 2, b2)
        return w - lr * wd * w - lr * np.clip(m / (rho * s["h"] + eps), -1, 1)
    return step

def adahessian(b1, b2, eps, power, every, block=1):  # adahessian.py of davda54, averages over blocks as in the paper, 3.2; SECOND is v * Hv
    def step(w, g, s, t, lr, wd, second):
        m = mean_of(s, "m", g, b1) / (1 - b1 ** t)
        if (t - 1) % every == 0:
            flat = np.abs(second).reshape(-1)
            if w.ndim == 2 and block > 1:
                whole = len(flat) // block * block
                flat[:whole] = np.repeat(flat[:whole].reshape(-1, block).mean(1), block)
            mean_of(s, "v", flat.reshape(w.shape) ** 2, b2)
            s["seen"] = s.get("seen", 0) + 1
        return w - lr * wd * w - lr * m / (np.sqrt(s["v"] / (1 - b2 ** s["seen"])) ** power + eps)
    return step

def ridged(A, share):
    return A + share * np.linalg.norm(A) * np.eye(len(A))

def shampoo(b1, b2, eps, memory, ridge, every):  # with eigenvalues; one block; grafted to Adam as distributed_shampoo does
    def step(w, g, s, t, lr, wd, second):
        m, v = mean_of(s, "m", g, b1), mean_of(s, "v", g * g, b2)
        adam = lr * (m / (1 - b1 ** t)) / (np.sqrt(v / (1 - b2 ** t)) + eps)
        if w.shape != SHAPES["matrix"]:
            return w - lr * wd * w - adam
        for key, A in ("L", g @ g.T), ("R", g.T @ g):
            F = mean_of(s, key, A, memory) / (1 - memory ** t)
            if (t - 1) % every == 0:
                values, vectors = np.linalg.eigh(ridged(F, ridge))
                s[key + "root"] = vectors @ np.diag(values ** -0.25) @ vectors.T
        P = s["Lroot"] @ m @ s["Rroot"]
        return w - lr * wd * w - P * np.linalg.norm(adam) / np.linalg.norm(P)
    return step

def qr(A):
    Q, R = np.linalg.qr(A)
    return Q * np.sign(np.diag(R))

def soap(b1, b2, eps, memory, ridge, every):  # algorithm 3 with 4, the basis from the identity and not sorted
    def step(w, g, s, t, lr, wd, second):
        m = mean_of(s, "m", g, b1)
        if w.shape != SHAPES["matrix"]:
            v = mean_of(s, "v", g * g, b2)
            return w - lr * wd * w - lr * (m / (1 - b1 ** t)) / (np.sqrt(v / (1 - b2 ** t)) + eps)
        for key, A in ("L", g @ g.T), ("R", g.T @ g):
            F = mean_of(s, key, A, memory)
            if (t - 1) % every == 0:
                s[key + "basis"] = qr(ridged(F, ridge) @ s.get(key + "basis", np.eye(len(F))))
        L, R = s["Lbasis"], s["Rbasis"]
        v = mean_of(s, "v", (L.T @ g @ R) ** 2, b2)
        N = (L.T @ m @ R) / (1 - b1 ** t) / (np.sqrt(v / (1 - b2 ** t)) + eps)
        return w - lr * wd * w - lr * L @ N @ R.T
    return step

JORDAN = [(3.4445, -4.775, 2.0315)] * 5
# Amsel et al. 2025, algorithm 1 for l = 1e-3, as modded-nanogpt has them; the input is scaled by 1.02 of its norm.
POLAR = [(8.156554524902461, -22.48329292557795, 15.878769915207462), (4.042929935166739, -2.808917465908714, 0.5000178451051316),
         (3.8916678022926607, -2.772484153217685, 0.5060648178503393), (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
         (2.3465413258596377, -1.7097828382687081, 0.42323551169305323)]

def newton_schulz(G, coefficients):
    X = G / (1.02 * np.linalg.norm(G) + 1e-6 if coefficients is POLAR else np.linalg.norm(G))
    for a, b, c in coefficients:
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X

def muon(rate_ratio, coefficients=JORDAN, momentum=lambda t: 0.95, neurons=None, cautious_decay=False, b1=0.9):
    """Weights are (in, out) here and (out, in) there; AdamW for all but the matrix."""
    rest = adamw(b1, 0.95, 1e-8, cautious_decay=cautious_decay)
    def step(w, g, s, t, lr, wd, second):
        if w.shape != SHAPES["matrix"]:
            return rest(w, g, s, t, lr, wd, second)
        mu = momentum(t)
        s["sum"] = mu * s.get("sum", 0) + g
        U = newton_schulz((g + mu * s["sum"]).T, coefficients)
        U = U * math.sqrt(max(1, U.shape[0] / U.shape[1]))
        if neurons is not None:
            v = mean_of(s, "v", (U * U).mean(1, keepdims=True), neurons)
            E = U / np.sqrt(v)
            U = E * np.linalg.norm(U) / np.linalg.norm(E)
        return apply(w, rate_ratio * lr * U.T, rate_ratio * lr, wd, g, False, cautious_decay)
    return step

ADAM = dict(beta1=0.9, beta2=0.95, epsilon=1e-8)
betas = dict(betas=(0.9, 0.95), eps=1e-8)
O = torch.optim
cases = []

def case(name, settings, values, rate=0.02, decay=0.1, **more):
    end = [float(f"{v:.9g}") for n in SHAPES for v in np.asarray(values(rate, decay)[n]).reshape(-1)]
    cases.append({"settings": {"name": name, "learningRate": rate, "weightDecay": decay, "clip": CLIP, **settings}, "end": end, **more})

T = lambda make: lambda rate, decay: with_torch(make, rate, decay)
N = lambda step, factors={}: lambda rate, decay: with_numpy(step, rate, decay, factors)

case("sgd", dict(momentum=0, nesterov=False), T(lambda p: O.SGD(p)))
case("sgd", dict(momentum=0.9, nesterov=False), T(lambda p: O.SGD(p, momentum=0.9)))
case("sgd", dict(momentum=0.9, nesterov=True), T(lambda p: O.SGD(p, momentum=0.9, nesterov=True)))
case("adam", ADAM, T(lambda p: O.Adam(p, **betas)))
case("adamw", ADAM, T(lambda p: O.AdamW(p, **betas)))
case("radam", ADAM, T(lambda p: O.RAdam(p, decoupled_weight_decay=True, **betas)))
case("nadam", dict(ADAM, momentumGrowth=0.004), T(lambda p: O.NAdam(p, decoupled_weight_decay=True, **betas)))
case("nadam", dict(ADAM, momentumGrowth=0.1), T(lambda p: O.NAdam(p, decoupled_weight_decay=True, momentum_decay=0.1, **betas)))
factored = dict(decayExponent=0.8, updateClip=1, leastScale=1e-3, relativeStep=True, epsilon=1e-15)
case("adafactor", factored, T(lambda p: O.Adafactor(p, eps=(1e-15, 1e-3), d=1.0, beta2_decay=-0.8)), rate=0.4)
case("adafactor", dict(factored, updateClip=1.2, decayExponent=0.6, leastScale=0.5),
     T(lambda p: O.Adafactor(p, eps=(1e-15, 0.5), d=1.2, beta2_decay=-0.6)))
case("adamw-scale", dict(ADAM, leastScale=1e-3), N(adamw_scale(0.9, 0.95, 1e-8, 1e-3)))
case("lamb", ADAM, N(lamb(0.9, 0.95, 1e-8)))
larc = dict(momentum=0.9, nesterov=True, trust=0.02, epsilon=1e-8)
case("lars", dict(larc, clipped=False), N(lars(0.9, True, 0.02, False, 1e-8)), rate=1)
case("lars", dict(larc, clipped=True, nesterov=False), N(lars(0.9, False, 0.02, True, 1e-8)))
case("lion", dict(beta1=0.9, beta2=0.99), N(lion(0.9, 0.99)), rate=0.005)
case("adamw", dict(ADAM, cautious=True), N(adamw(0.9, 0.95, 1e-8, cautious=True)))
case("adamw", dict(ADAM, cautiousDecay=True), N(adamw(0.9, 0.95, 1e-8, cautious_decay=True)))
case("adamw", dict(ADAM, embeddingRate=0.25, matrixRate=2, vectorRate=0.5),
     N(adamw(0.9, 0.95, 1e-8), dict(embedding=0.25, matrix=2, norm=0.5, scale=0.5)))
case("lion", dict(beta1=0.9, beta2=0.99, cautious=True), N(cautious_lion(0.9, 0.99)), rate=0.005)
MUON = dict(ADAM, muonLearningRate=0.04, muonMomentum=0.95)
case("muon", MUON, N(muon(2)))
case("muon", dict(MUON, muonCoefficients="polar-express"), N(muon(2, POLAR)))
GIVEN = [(3, -3.2, 1.2), (2, -1.5, 0.5), (1.875, -1.25, 0.375)]
case("muon", dict(MUON, muonCoefficients=GIVEN), N(muon(2, GIVEN)))
case("muon", dict(MUON, muonNeuronMemory=0.9), N(muon(2, neurons=0.9)))
case("muon", dict(MUON, muonFirstMomentum=0.8, muonMomentumSteps=10), N(muon(2, momentum=lambda t: min(0.95, 0.8 + 0.015 * (t - 1)))))
case("muon", dict(MUON, cautiousDecay=True), N(muon(2, cautious_decay=True)))
# SAM's gradient is the one uphill, which is SECOND here.
case("adamw", dict(ADAM, sharpness=0.05), lambda rate, decay: with_numpy(adamw(0.9, 0.95, 1e-8), rate, decay, gradients=SECOND))
SOPHIA = dict(beta1=0.9, beta2=0.95, rho=2, epsilon=1e-15)
case("sophia", dict(SOPHIA, interval=1), N(sophia(0.9, 0.95, 2, 1e-15, 1)))
case("sophia", dict(SOPHIA, interval=3), N(sophia(0.9, 0.95, 2, 1e-15, 3)))
case("adahessian", dict(ADAM, hessianPower=1, interval=1, block=1), N(adahessian(0.9, 0.95, 1e-8, 1, 1)))
case("adahessian", dict(ADAM, hessianPower=0.5, interval=4, block=5), N(adahessian(0.9, 0.95, 1e-8, 0.5, 4, 5)))
FACTORS = dict(ADAM, factorMemory=0.9, ridge=1e-3, blockSize=8)
case("shampoo", dict(FACTORS, interval=1), N(shampoo(0.9, 0.95, 1e-8, 0.9, 1e-3, 1)))
case("shampoo", dict(FACTORS, interval=3), N(shampoo(0.9, 0.95, 1e-8, 0.9, 1e-3, 3)))
case("soap", dict(FACTORS, interval=1), N(soap(0.9, 0.95, 1e-8, 0.9, 1e-3, 1)))
case("soap", dict(FACTORS, interval=3), N(soap(0.9, 0.95, 1e-8, 0.9, 1e-3, 3)))
# Means that keep nothing of what was: the gradient, its square, the factors and the outputs' mean squares as they are.
NONE, none = dict(ADAM, beta1=0), dict(betas=(0.0, 0.95), eps=1e-8)
case("adam", NONE, T(lambda p: O.Adam(p, **none)))
case("adamw", NONE, T(lambda p: O.AdamW(p, **none)))
case("adamw", dict(ADAM, beta2=0), T(lambda p: O.AdamW(p, betas=(0.9, 0.0), eps=1e-8)))
case("radam", NONE, T(lambda p: O.RAdam(p, decoupled_weight_decay=True, **none)))
case("nadam", dict(NONE, momentumGrowth=0.1), T(lambda p: O.NAdam(p, decoupled_weight_decay=True, momentum_decay=0.1, **none)))
case("adamw-scale", dict(NONE, leastScale=1e-3), N(adamw_scale(0, 0.95, 1e-8, 1e-3)))
case("lamb", NONE, N(lamb(0, 0.95, 1e-8)))
case("lion", dict(beta1=0, beta2=0.99), N(lion(0, 0.99)), rate=0.005)
case("lion", dict(beta1=0.9, beta2=0), N(lion(0.9, 0)), rate=0.005)
case("muon", dict(MUON, beta1=0, muonMomentum=0, muonNeuronMemory=0), N(muon(2, momentum=lambda t: 0, neurons=0, b1=0)))
case("muon", dict(MUON, muonMomentum=0, muonFirstMomentum=0.9, muonMomentumSteps=10), N(muon(2, momentum=lambda t: max(0, 0.9 - 0.09 * (t - 1)))))
case("sophia", dict(SOPHIA, beta1=0, interval=3), N(sophia(0, 0.95, 2, 1e-15, 3)))
case("adahessian", dict(NONE, hessianPower=1, interval=4, block=5), N(adahessian(0, 0.95, 1e-8, 1, 4, 5)))
case("shampoo", dict(FACTORS, beta1=0, factorMemory=0, interval=3), N(shampoo(0, 0.95, 1e-8, 0, 1e-3, 3)))
case("soap", dict(FACTORS, beta1=0, beta2=0, factorMemory=0, interval=3), N(soap(0, 0, 1e-8, 0, 1e-3, 3)))

flat = lambda tensors: [round(float(v), 4) for n in SHAPES for v in tensors[n].reshape(-1)]
print(json.dumps({"shapes": SHAPES, "start": flat(START), "gradients": [flat(g) for g in GRADIENTS],
                  "second": [flat(g) for g in SECOND], "rateScales": [scale_at(t) for t in range(1, STEPS + 1)], "cases": cases}))
