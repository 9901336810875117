"""Makes metrics.json: scores of random and degenerate predictions by scikit-learn and SciPy, and NumPy's quantiles.

Needs scikit-learn and SciPy. Run: python make-metrics.py > metrics.json
A score that is NaN, or that the library refuses to give, is null. group-exact is what Hugging Face's super_glue metric calls
exact match; F1 of more than two classes is that of class 1.
"""
import json, math, warnings
import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

warnings.simplefilter("ignore")
random = np.random.default_rng(7)
nan, inf = math.nan, math.inf


def exact_match(targets, predictions, groups):
    questions = {}
    for i, group in enumerate(groups):
        questions.setdefault(i if group is None else group, []).append((targets[i], predictions[i]))
    return sum(int(sum(t == p for t, p in q) == len(q)) for q in questions.values()) / len(questions)


classes = {
    "accuracy": accuracy_score,
    "f1": lambda t, p: f1_score(t, p, labels=[1], average="macro"),
    "macro-f1": lambda t, p: f1_score(t, p, average="macro"),
    "matthews": matthews_corrcoef,
}
numbers = {"pearson": lambda t, p: pearsonr(p, t)[0], "spearman": lambda t, p: spearmanr(p, t)[0]}


def score(metric, *data):
    try:
        value = float(metric(*data))
    except ValueError:
        return None
    return None if math.isnan(value) else value


def plain(values):
    """For JSON, which has no NaN and no infinity: those as JavaScript writes them."""
    return [v if math.isfinite(v) else str(v).replace("nan", "NaN").replace("inf", "Infinity") for v in values]


def case(name, predictions, targets, groups=None):
    t, p = np.array(targets), np.array(predictions)
    whole = all(isinstance(v, (int, np.integer)) for v in [*predictions, *targets])
    scores = {n: score(f, t, p) for n, f in (classes | numbers if whole else numbers).items()}
    if groups is not None:
        scores["group-exact"] = exact_match(targets, predictions, groups)
    made = {"name": name, "predictions": plain(predictions), "targets": plain(targets), "scores": scores}
    return made if groups is None else made | {"groups": groups}


cases = [
    case("nothing", [], []),
    case("one, right", [1], [1]),
    case("one, wrong", [0], [1]),
    case("two, right", [0, 1], [0, 1]),
    case("two, exchanged", [1, 0], [0, 1]),
    case("one class in both", [0, 0, 0], [0, 0, 0]),
    case("one class, always missed", [1, 1, 1], [0, 0, 0]),
    case("all positive", [1, 1, 1, 1], [1, 1, 1, 1]),
    case("majority predicted", [1] * 9, [1, 0, 1, 1, 0, 1, 1, 0, 1]),
    case("no positive is found", [0, 0, 0, 0], [0, 1, 1, 0]),
    case("no positive is there", [0, 1, 1, 0], [0, 0, 0, 0]),
    case("a class only predicted", [0, 1, 2, 2], [0, 1, 1, 0]),
    case("a class only in the targets", [0, 1, 1, 0], [0, 2, 1, 2]),
    case("only a class above 1", [2, 2, 2], [2, 2, 2]),
    case("constant predictions", [2.5, 2.5, 2.5], [1.0, 2.0, 3.5]),
    case("constant targets", [1.0, 2.0, 3.5], [2.5, 2.5, 2.5]),
    case("constant predictions whose mean is rounded", [0.1, 0.1, 0.1], [1.0, 2.0, 3.5]),
    case("constant targets whose mean is rounded", [1.0, 2.0, 3.5], [0.1, 0.1, 0.1]),
    case("two numbers", [0.25, 0.5], [3.0, 1.0]),
    case("two equal numbers", [0.25, 0.25], [3.0, 1.0]),
    case("not a number", [0.5, nan, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]),
    case("infinity", [0.5, inf, 1.0, -inf], [1.0, 2.0, 3.0, 4.0]),
    case("huge", [1e200, 2e200, 4e200], [1.0, 2.0, 3.0]),
    case("tiny", [1e-200, 2e-200, 4e-200], [1.0, 2.0, 3.0]),
    case("far from zero", [1e6 + 0.25, 1e6 + 0.75, 1e6 + 0.5, 1e6], [0.5, 0.25, 1.0, 2.0]),
    case("signed zeros", [0.0, -0.0, 0.0], [1.0, 2.0, 3.0]),
    case("groups, one wrong in the second", [1, 0, 1, 1, 0], [1, 0, 1, 0, 0], ["a", "a", "b", "b", "c"]),
    case("groups apart", [1, 0, 0, 1], [1, 0, 1, 1], ["a", "b", "a", "b"]),
    case("some without a group", [1, 0, 0, 1, 1], [1, 1, 0, 1, 0], [None, None, "a", "a", None]),
]
for size, count in [(5, 2), (17, 2), (40, 3), (300, 2), (300, 7), (64, 20)]:
    for agreement in [0, 0.6, 0.95]:
        targets = random.integers(count, size=size)
        guess = random.integers(count, size=size)
        predictions = np.where(random.random(size) < agreement, targets, guess)
        groups = [None if g == 0 else f"q{g}" for g in random.integers(size // 3 + 1, size=size).tolist()]
        cases.append(case(f"{size} of {count} classes, {agreement}", predictions.tolist(), targets.tolist(), groups))
# Rare positives, as in a task where one class is nearly everything.
targets = (random.random(200) < 0.04).astype(int)
cases.append(case("rare positives", np.where(random.random(200) < 0.05, 1 - targets, targets).tolist(), targets.tolist()))
for size in [3, 10, 100, 250]:
    for noise in [0.1, 1, 100]:
        targets = np.round(random.random(size) * 5, 1)
        predictions = (targets + noise * random.standard_normal(size)).astype(np.float32).astype(float)
        cases.append(case(f"{size} numbers, noise {noise}", predictions.tolist(), targets.tolist()))
        cases.append(case(f"{size} numbers with ties, noise {noise}", np.round(predictions).tolist(), targets.tolist()))

quantiles = []
for size in [1, 2, 3, 5, 10, 41]:
    values = np.round(random.standard_normal(size), 3)
    for share in [0, 0.025, 0.25, 0.5, 0.9, 0.975, 1]:
        quantiles.append({"values": values.tolist(), "share": share, "quantile": float(np.quantile(values, share))})

print('{"cases": [\n' + ",\n".join(map(json.dumps, cases)) + '\n], "quantiles": [\n' + ",\n".join(map(json.dumps, quantiles)) + "\n]}")
