"""Pseudo-log-likelihoods and vectors of an exported model in onnxruntime or PyTorch, driven by lines of bench/scoring.ts.

The argument names the engine. Reads one line of JSON: the export's folder, threads, the id of <mask>, sentences and texts as ids with
their special tokens. Then answers each line with one line of JSON:
  check N     scores of the first N sentences and vectors of the first N texts
  score N     N times the scores of all sentences: their seconds
  embed N     N times the vectors of all texts: their seconds
Rows of one length share a pass of about 4,096 tokens. PyTorch computes logits for the masked token alone, onnxruntime for what the file
computes them; of a vector it is told to leave them out.
"""
import json, sys, time
from collections import defaultdict


def say(**answer):
    print(json.dumps(answer), flush=True)


engine = sys.argv[1]
try:
    import numpy as np
    if engine == "torch":
        import torch, transformers
        name = f"PyTorch {torch.__version__}"
    else:
        import onnxruntime
        name = f"onnxruntime {onnxruntime.__version__}"
except ImportError as error:
    say(absent=f"{sys.executable}: {error}")
    sys.exit(0)
say(name=name)
setting = json.loads(sys.stdin.readline())
folder, mask = setting["folder"], setting["mask"]
tokens_per_pass = 4096


def open_torch():
    torch.set_num_threads(setting["threads"])
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
    body = model.base_model
    head = getattr(model, "cls", None) or (lambda x: model.decoder(model.head(x)))

    def score(ids, places):
        with torch.inference_mode():
            ids = torch.from_numpy(ids)
            rows = torch.arange(len(places))
            at = torch.tensor(places)
            wanted = ids[rows, at]
            hidden = body(ids.index_put((rows, at), torch.tensor(mask)))[0]
            return torch.log_softmax(head(hidden[rows, at]), -1)[rows, wanted].numpy()

    def embed(ids):
        with torch.inference_mode():
            return body(torch.from_numpy(ids))[0].mean(1).numpy()

    return score, embed


def open_onnxruntime():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setting["threads"]
    session = onnxruntime.InferenceSession(f"{folder}/onnx/model.onnx", options, providers=["CPUExecutionProvider"])
    wanted_alone = onnxruntime.RunOptions()
    wanted_alone.only_execute_path_to_fetches = True
    names = {each.name for each in session.get_inputs()}

    def run(output, ids):
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return session.run([output], {k: v for k, v in inputs.items() if k in names}, wanted_alone)[0]

    def score(ids, places):
        rows = np.arange(len(places))
        masked = ids.copy()
        masked[rows, places] = mask
        logits = run("logits", masked)[rows, places]
        most = logits.max(-1)
        return logits[rows, ids[rows, places]] - most - np.log(np.exp(logits - most[:, None]).sum(-1))

    return score, lambda ids: run("last_hidden_state", ids).mean(1)


score, embed = open_torch() if engine == "torch" else open_onnxruntime()


def passes(rows):
    """Rows (ids, what is the caller's) by length, in passes."""
    by_length = defaultdict(list)
    for row in rows:
        by_length[len(row[0])].append(row)
    for length, same in by_length.items():
        step = max(1, tokens_per_pass // length)
        for start in range(0, len(same), step):
            yield same[start : start + step]


def score_all(sentences):
    scores = [0.0] * len(sentences)
    rows = ((ids, i, place) for i, ids in enumerate(sentences) for place in range(1, len(ids) - 1))
    for batch in passes(rows):
        found = score(np.array([ids for ids, _, _ in batch], np.int64), [place for _, _, place in batch])
        for (_, i, _), each in zip(batch, found):
            scores[i] += float(each)
    return scores


def embed_all(texts):
    vectors = [None] * len(texts)
    for batch in passes((ids, i) for i, ids in enumerate(texts)):
        for (_, i), vector in zip(batch, embed(np.array([ids for ids, _ in batch], np.int64))):
            vectors[i] = vector
    return vectors


for line in sys.stdin:
    word, count = line.split()
    if word == "check":
        vectors = [vector.tolist() for vector in embed_all(setting["texts"][: int(count)])]
        say(scores=score_all(setting["sentences"][: int(count)]), vectors=vectors)
        continue
    work = (lambda: score_all(setting["sentences"])) if word == "score" else (lambda: embed_all(setting["texts"]))
    start = time.perf_counter()
    for _ in range(int(count)):
        work()
    say(seconds=time.perf_counter() - start)
