"""Makes scaling.json: Chinchilla's law fitted by SciPy to losses that are drawn around planted ones.

Needs NumPy and SciPy. Run: python make-scaling.py > scaling.json
Hoffmann et al. 2022, arXiv 2203.15556, section D.2: Huber's loss (delta 1e-3) of the difference of logarithms, the least of L-BFGS-B
from a grid of starts; then Nelder-Mead from there, since the least lies where gradients are small.
"""
import itertools, json
import numpy as np
from scipy.optimize import minimize
from scipy.special import huber, logsumexp

planted = dict(E=1.8, A=90.0, alpha=0.33, B=250.0, beta=0.31)
random = np.random.default_rng(3)


def predict(theta, n, d):
    a, b, e, alpha, beta = theta
    return logsumexp([a - alpha * np.log(n), b - beta * np.log(d), np.full(len(n), e)], axis=0)


def fit(n, d, losses):
    def objective(theta):
        return huber(1e-3, predict(theta, n, d) - np.log(losses)).sum()

    grid = itertools.product([0, 5], [0, 5], [0, 1], [0.2, 0.6], [0.2, 0.6])
    best = min((minimize(objective, start, method="L-BFGS-B") for start in grid), key=lambda r: r.fun)
    for _ in range(3):
        best = minimize(objective, best.x, method="Nelder-Mead",
                        options=dict(xatol=1e-11, fatol=1e-15, maxiter=40000, maxfev=40000))
    a, b, e, alpha, beta = best.x
    return dict(E=np.exp(e), A=np.exp(a), alpha=alpha, B=np.exp(b), beta=beta), best.fun


cases = []
sizes = np.array([4e5, 1e6, 2.5e6, 5e6, 1.2e7, 2.4e7])
for name, deviation, tokens in [("without noise", 0.0, [2e6, 8e6, 3e7]), ("1 % noise", 0.01, [2e6, 8e6, 3e7]),
                                ("outliers", 0.003, [1e6, 4e6, 1.6e7, 6e7])]:
    n, d = (each.ravel() for each in np.meshgrid(sizes, np.array(tokens), indexing="ij"))
    theta = [np.log(planted["A"]), np.log(planted["B"]), np.log(planted["E"]), planted["alpha"], planted["beta"]]
    losses = np.exp(predict(theta, n, d) + deviation * random.standard_normal(len(n)))
    if name == "outliers":
        losses[[2, 9]] *= 1.2
    law, objective = fit(n, d, losses)
    cases.append(dict(name=name, parameters=n.tolist(), tokens=d.tolist(), losses=losses.tolist(), law=law, objective=objective))
print(json.dumps(dict(planted=planted, cases=cases), indent=1))
