"""Makes batch-rules.json: micro-batches of each step under the reference's progressive batching (JonasGeiping/cramming,
cramming/backend/optimizers/progressive_batching.py), whose class is written here with its running means and variances.

Gradients are a formula of their number, which the test computes too: a trend that fades, and noise. A step has at most MOST micro-batches,
where the reference counts one more. Needs torch. Run: python make-batch-rules.py > ../expected/batch-rules.json
"""
import json, torch

from formula import formula

torch.set_default_dtype(torch.float64)
SIZES, STEPS, MOST = [5, 7, 1], 24, 16

def gradient(step, i):
    """Of the i-th micro-batch of a step, by parameter."""
    trend = 1 / (1 + 0.25 * step)
    return [trend * formula(f"trend {p}", size) + 0.8 * formula(f"noise {step} {i} {p}", size) for p, size in enumerate(SIZES)]

class Rule:
    def __init__(self, name, theta, least, monotone):
        self.name, self.theta, self.least, self.monotone = name, theta, least, monotone

    def reset(self):
        self.k, self.mean, self.variance = 0, [torch.zeros(n) for n in SIZES], [torch.zeros(n) for n in SIZES]

    def add(self, gradients):  # Welford
        self.k, self.newest = self.k + 1, gradients
        for p, g in enumerate(gradients):
            delta = g - self.mean[p]
            self.mean[p] = self.mean[p] + delta / self.k
            self.variance[p] = self.variance[p] + delta * (g - self.mean[p])

    def others(self, p):
        return (self.mean[p] - self.newest[p] / self.k) * (self.k / (self.k - 1))

    def holds(self):
        k, every = self.k, range(len(SIZES))
        if self.name == "norm":
            variance = sum(self.variance[p].sum() / (k - 1) for p in every)
            return variance / k < self.theta * sum(self.mean[p].pow(2).sum() for p in every)
        if self.name == "inner-product":
            product = sum((self.newest[p] * self.others(p)).sum() for p in every)
            square = sum(self.others(p).pow(2).sum() for p in every)
            return (product - square).pow(2) / (k - 1) < self.theta * square**2
        if self.name == "cosine":
            angles = sum((self.newest[p] * self.others(p)).sum() / self.others(p).norm() / self.newest[p].norm() for p in every)
            return angles / len(SIZES) > self.theta
        cov = sum((self.variance[p].sum() / (k - 1)).sqrt() / (self.mean[p].pow(2).sum() + 1e-6) for p in every)
        return (1 + 1 / (4 * k)) * cov / len(SIZES) / k < self.theta * 100

    def batch(self, step):
        self.reset()
        while True:
            self.add(gradient(step, self.k))
            if self.k >= MOST or (self.k >= self.least and bool(self.holds())): break
        if self.monotone: self.least = self.k
        return self.k

cases = []
for name, thetas in {"norm": [0.9, 0.3], "inner-product": [0.9, 0.05], "cosine": [0.9, 0.6], "variation": [0.9, 0.1]}.items():
    for theta in thetas:
        for least, monotone in [(2, False), (3, True)]:
            rule = Rule(name, theta, least, monotone)
            settings = {"name": name, "theta": theta, "least": least, "monotone": monotone}
            cases.append({"settings": settings, "batches": [rule.batch(step) for step in range(STEPS)]})
print(json.dumps({"sizes": SIZES, "most": MOST, "cases": cases}, separators=(",", ":")))
