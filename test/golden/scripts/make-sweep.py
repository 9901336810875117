"""Expected values of sweeps, by SciPy and NumPy: Sobol's points, t-tests, p among many, and what a setting explains of a search's losses.

    python make-sweep.py > ../expected/sweep.json
"""

import json

import numpy as np
import scipy
from scipy import stats
from scipy.stats import qmc

draw = np.random.default_rng(17)
points = (qmc.Sobol(d=10, scramble=False, bits=32).random(64) * 2**32).astype(np.uint64)

pairs = []
for n, m in [(2, 2), (3, 3), (5, 4), (3, 8)]:
    own, base = draw.normal(5, 0.05, n).round(4), draw.normal(5.1, 0.2, m).round(4)
    welch = stats.ttest_ind(own, base, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    case = {"own": own.tolist(), "base": base.tolist(), "welch": [welch.pvalue, low, high]}
    if n == m:
        paired = stats.ttest_rel(own, base)
        low, high = paired.confidence_interval(0.95)
        case["paired"] = [paired.pvalue, low, high]
    pairs.append(case)

ps = [0.04, 0.001, 0.3, 0.0125, 0.02, 0.9, 0.0125, 1e-6]


def explain_numbers(values, losses):
    """The R squared of a parabola in the ranks of the values, of the ranks of the losses."""
    x, y = stats.rankdata(values), stats.rankdata(losses)
    fit = np.polyval(np.polyfit(x, y, 2), x)
    return 1 - ((y - fit) ** 2).sum() / ((y - y.mean()) ** 2).sum()


def explain_names(values, losses):
    """The correlation ratio of the losses' ranks: the sum of squares between groups over the whole one."""
    y, values = stats.rankdata(losses), np.array(values)
    groups = [y[values == name] for name in sorted(set(values))]
    between = sum(len(g) * (g.mean() - y.mean()) ** 2 for g in groups)
    f = stats.f_oneway(*groups).statistic
    share = between / ((y - y.mean()) ** 2).sum()
    k, n = len(groups), len(y)
    assert np.isclose(f, share / (1 - share) * (n - k) / (k - 1))
    return share


n = 24
rates = 10 ** draw.uniform(-4, -2, n)
layers = draw.integers(1, 6, n)
names = draw.choice(["adamw", "muon", "lion"], n)
losses = (np.log10(rates) + 3) ** 2 + 0.1 * layers + 0.3 * (names == "lion") + draw.normal(0, 0.05, n)
search = {
    "rates": rates.tolist(),
    "layers": layers.tolist(),
    "names": names.tolist(),
    "losses": losses.tolist(),
    "explained": [explain_numbers(rates, losses), explain_numbers(layers, losses), explain_names(names, losses)],
}

print(
    json.dumps(
        {
            "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
            "sobol": points.tolist(),
            "pairs": pairs,
            "many": {"p": ps, "adjusted": stats.false_discovery_control(ps).tolist()},
            "search": search,
        }
    )
)
