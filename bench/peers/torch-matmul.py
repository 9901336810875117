"""Matrix products in PyTorch, driven by the lines of bench/product-peer.ts. The argument is the number of threads."""
import sys, time

from torch_peer import say, take, torch

torch.set_num_threads(int(sys.argv[1]))
a = b = out = None
for line in sys.stdin:
    word, *rest = line.split()
    if word == "case":
        m, n, k, transpose_a, transpose_b = map(int, rest[:5])
        dtype = torch.bfloat16 if rest[5] == "bf16" else torch.float32
        with open(rest[6], "rb") as file:
            matrix = lambda rows, columns: take(file, [rows, columns], torch.float32).to(dtype)
            a = matrix(k, m).T if transpose_a else matrix(m, k)
            b = matrix(n, k).T if transpose_b else matrix(k, n)
        out = torch.empty(m, n, dtype=dtype)
        say()
    elif word == "run":
        start = time.perf_counter()
        for _ in range(int(rest[0])):
            torch.matmul(a, b, out=out)
        say(seconds=time.perf_counter() - start)
    else:
        say(values=out.view(-1)[torch.tensor([int(at) for at in rest])].float().tolist())
