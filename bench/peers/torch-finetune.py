"""A classifier on the paper's encoder in PyTorch (1.13 or newer), driven by lines of bench/finetune.ts.

Reads one line of JSON: model, finetuning recipe, and the place of a file with the initial parameters (f32, in the order listed,
matrices stored (in, out)) and then the batches, each of B lengths, B rows of tokens as long as the longest, B classes (i32).
Then answers each line with one line of JSON:
  check N RATE   losses of N steps over the first N batches in f32, without dropout, at that learning rate; undone afterwards
  pass N         N times over all batches, with dropout: their seconds and the last loss
Dropout falls where the paper's code has it, but not on attention probabilities; the head reads the mean of the real tokens.
"""
import sys, time
from contextlib import nullcontext

from torch_peer import Encoder, F, as_it_is, fastest_adamw, put_back, read_setting, say, take_indices, take_parameters, torch

setting = read_setting()
model, recipe, B = setting["model"], setting["recipe"], setting["sequences"]


def read_start():
    """Parameters by name, and the batches as (mask or None, lengths, tokens, classes)."""
    with open(setting["file"], "rb") as file:
        parameters = take_parameters(file, setting["parameters"])
        batches = []
        for _ in range(setting["batches"]):
            lengths = take_indices(file, B)
            tokens = take_indices(file, B, int(lengths.max()))
            real = torch.arange(tokens.shape[1])[None] < lengths[:, None]
            batches.append((None if bool(real.all()) else real, lengths, tokens, take_indices(file, B)))
    return parameters, batches


initial, batches = read_start()
p = {name: value.requires_grad_() for name, value in initial.items()}
role = {q["name"]: q["role"] for q in setting["parameters"]}
encode = Encoder(model, p)


def loss_of(batch, rate):
    real, lengths, tokens, targets = batch
    drop = (lambda x: F.dropout(x, rate)) if rate > 0 else as_it_is
    x = encode(tokens, real, drop)
    if real is not None:
        x = x * real[..., None]
    pooled = x.sum(1) / lengths[:, None]
    linear = lambda x, name: F.linear(x, p[f"classifier.{name}.weight"], p[f"classifier.{name}.bias"])
    return F.cross_entropy(linear(drop(torch.tanh(linear(pooled, "hidden"))), "output").float(), targets)


def run_step(optimizer, batch, rate, bf16):
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext():
        loss = loss_of(batch, rate)
    loss.backward()
    if recipe["clip"] > 0:
        torch.nn.utils.clip_grad_norm_(list(p.values()), recipe["clip"])
    optimizer.step()
    return loss.item()


optimizer = fastest_adamw(p, role, recipe, recipe["learningRate"])
for line in sys.stdin:
    words = line.split()
    if words[0] == "check":
        checked = fastest_adamw(p, role, recipe, float(words[2]))
        losses = [run_step(checked, batch, 0, False) for batch in batches[: int(words[1])]]
        put_back(p, read_start()[0])
        say(losses=losses)
    else:
        start = time.perf_counter()
        for _ in range(int(words[1])):
            for batch in batches:
                loss = run_step(optimizer, batch, recipe["dropout"], setting["precision"] == "bf16")
        say(seconds=time.perf_counter() - start, loss=loss)
