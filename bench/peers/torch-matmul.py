"""Matrix products in PyTorch, driven by the lines of bench/product-peer.ts. The argument is the number of threads."""
import json, sys, time


def say(**answer):
    print(json.dumps(answer), flush=True)


try:
    import torch
except ImportError as error:
    say(absent=f"{sys.executable}: {error}")
    sys.exit(0)

torch.set_num_threads(int(sys.argv[1]))
say(name=f"PyTorch {torch.__version__}")
a = b = out = None
for line in sys.stdin:
    word, *rest = line.split()
    if word == "case":
        m, n, k, transpose_a, transpose_b = map(int, rest[:5])
        dtype = torch.bfloat16 if rest[5] == "bf16" else torch.float32
        with open(rest[6], "rb") as file:
            def take(rows, columns):
                values = torch.frombuffer(bytearray(file.read(4 * rows * columns)), dtype=torch.float32)
                return values.reshape(rows, columns).to(dtype)
            a = take(k, m).T if transpose_a else take(m, k)
            b = take(n, k).T if transpose_b else take(k, n)
        out = torch.empty(m, n, dtype=dtype)
        say()
    elif word == "run":
        start = time.perf_counter()
        for _ in range(int(rest[0])):
            torch.matmul(a, b, out=out)
        say(seconds=time.perf_counter() - start)
    else:
        say(values=out.view(-1)[torch.tensor([int(at) for at in rest])].float().tolist())
