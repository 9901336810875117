"""Makes foreign-*.json: small random checkpoints as other programs save them, their logits on padded sequences, and the
gradients of the mean cross-entropy over all real tokens, in float64.

Needs torch, transformers (5.18) and safetensors. Run beside this file: python make-foreign-models.py
BERT, RoBERTa and ModernBERT are transformers' own classes. The reference's model is written below after its source
(github.com/JonasGeiping/cramming, architectures/crammed_bert.py) with its names. Gradients are saved as a checkpoint of the
same names, so that a test can bring them into our layout with the same key map.
"""
import base64, json, math, os, tempfile, torch
import torch.nn.functional as F
from safetensors.torch import load_file, save, save_file
from transformers import (BertConfig, BertForMaskedLM, BertForPreTraining, BertModel, DistilBertConfig, DistilBertForMaskedLM,
                          DistilBertModel, ModernBertConfig, ModernBertForMaskedLM, RobertaConfig, RobertaForMaskedLM, RobertaModel)

here = os.path.dirname(os.path.abspath(__file__))
V, C, H, B, S = 40, 16, 2, 3, 8
lengths = [8, 5, 3]
encode = lambda data: base64.b64encode(data).decode()
rounded = lambda values: [float(f"{v:.9g}") for v in values]


def randomise(parameters):
    """Weights, biases and norms far from where training starts, exact in float32."""
    with torch.no_grad():
        for name, p in parameters:
            vector = p.dim() == 1
            centre = 1.0 if vector and name.endswith("weight") and ("norm" in name.lower()) else 0.0
            p.copy_((centre + torch.randn_like(p) * (0.2 if vector else 0.3)).float())


def make_batch(pad):
    real = torch.arange(S)[None, :] < torch.tensor(lengths)[:, None]
    tokens = torch.randint(5, V, (B, S)).masked_fill(~real, pad)
    segments = ((torch.arange(S)[None, :] >= 3) & real).long()
    labels = torch.randint(0, V, (int(real.sum()),))
    return tokens, real, segments, labels


def write(name, config, weights, gradients, tokens, real, segments, labels, logits, loss):
    case = {
        "config": config, "tensors": encode(weights), "gradients": encode(gradients), "lengths": lengths,
        "tokens": tokens.reshape(-1).tolist(), "segments": segments.reshape(-1).tolist(), "labels": labels.tolist(),
        "logits": rounded(logits.detach().reshape(-1).tolist()), "loss": loss.item(),
    }
    with open(os.path.join(here, f"foreign-{name}.json"), "w") as file:
        file.write(json.dumps(case) + "\n")


def make_hugging_face(name, model, pad, takes_segments, without_gradient=()):
    model.eval()
    randomise(model.named_parameters())
    model.double()
    tokens, real, segments, labels = make_batch(pad)
    extra = {"token_type_ids": segments} if takes_segments else {}
    out = model(input_ids=tokens, attention_mask=real.long(), **extra)
    logits = (out.logits if hasattr(out, "logits") else out.prediction_logits)[real]
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    with tempfile.TemporaryDirectory() as folder:
        model.float().save_pretrained(folder)
        with open(os.path.join(folder, "model.safetensors"), "rb") as file:
            weights = file.read()
        with open(os.path.join(folder, "config.json")) as file:
            config = json.load(file)
        stored = load_file(os.path.join(folder, "model.safetensors"))
    grads = {k: (p.grad if p.grad is not None else torch.zeros_like(p)).float() for k, p in model.named_parameters()}
    for key in without_gradient:
        grads[key] = torch.zeros_like(grads[key])
    print(name, {k: list(v.shape) for k, v in stored.items() if k not in grads}, len(weights))
    gradients = save({k: grads[k].contiguous() if k in grads else v for k, v in stored.items()})
    write(name, config, weights, gradients, tokens, real, segments, labels, logits, loss)


attention = {"attn_implementation": "eager"}
torch.manual_seed(1)
bert = BertConfig(vocab_size=V, hidden_size=C, num_hidden_layers=2, num_attention_heads=H, intermediate_size=24,
                  max_position_embeddings=10, type_vocab_size=2, **attention)
make_hugging_face("bert", BertForPreTraining(bert), 0, True)

torch.manual_seed(2)
roberta = RobertaConfig(vocab_size=V, hidden_size=C, num_hidden_layers=2, num_attention_heads=H, intermediate_size=24,
                        max_position_embeddings=12, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, **attention)
# Its only segment is added to every position in our model, and so has no gradient of its own.
make_hugging_face("roberta", RobertaForMaskedLM(roberta), 1, False, ["roberta.embeddings.token_type_embeddings.weight"])

torch.manual_seed(3)
# Seven tokens to each side: sequences of 8 see all of themselves in the local layers.
modern = dict(vocab_size=V, hidden_size=C, num_hidden_layers=3, num_attention_heads=H, intermediate_size=20,
              max_position_embeddings=64, local_attention=14, pad_token_id=0, cls_token_id=1, sep_token_id=2,
              bos_token_id=1, eos_token_id=2, layer_types=["full_attention", "sliding_attention", "full_attention"], **attention)
make_hugging_face("modernbert", ModernBertForMaskedLM(ModernBertConfig(**modern)), 0, False)

torch.manual_seed(4)
modern.update(norm_bias=True, attention_bias=True, mlp_bias=True, classifier_bias=True, decoder_bias=False)
make_hugging_face("modernbert-biases", ModernBertForMaskedLM(ModernBertConfig(**modern)), 0, False)

# The reference: pre-norm, query, key and value head by head, the gate in the second half of dense_in.
torch.manual_seed(5)
D, FF = C // H, 24
arch = {
    "architectures": ["ScriptableCrammedBERT"], "num_transformer_layers": 2, "hidden_size": C, "intermed_size": FF,
    "hidden_dropout_prob": 0.1, "norm": "LayerNorm", "norm_eps": 1e-12, "norm_scheme": "pre", "nonlin": "GELUglu",
    "tie_weights": True, "decoder_bias": False, "sparse_prediction": 0.25, "loss": "cross-entropy", "objective_layout": "MLM",
    "embedding": {"vocab_size": V, "pos_embedding": "scaled-sinusoidal", "dropout_prob": 0.1, "pad_token_id": 0,
                  "max_seq_length": 10, "embedding_dim": C, "normalization": True, "stable_low_precision": False},
    "attention": {"type": "self-attention", "causal_attention": False, "num_attention_heads": H, "dropout_prob": 0.1,
                  "skip_output_projection": False, "qkv_bias": False, "rotary_embedding": False, "seq_op_in_fp32": False,
                  "sequence_op": "torch-softmax"},
    "init": {"type": "normal", "std": 0.02}, "ffn_layer_frequency": 1, "skip_head_transform": True, "use_bias": False,
    "final_norm": True, "num_labels": None,
    "classification_head": {"pooler": "avg", "include_ff_layer": True, "head_dim": 1024, "nonlin": "Tanh", "classifier_dropout": 0.1},
}
shapes = {"encoder.embedding.word_embedding.weight": (V, C), "encoder.embedding.pos_embedding.scale_factor": (1,)}
norms = ["encoder.embedding.norm", "encoder.final_norm"]
for l in range(2):
    n = f"encoder.layers.{l}."
    norms += [n + "norm1", n + "norm2"]
    shapes |= {n + "attn.self_attention.query_key_value.weight": (3 * C, C), n + "attn.dense.weight": (C, C),
               n + "ffn.dense_in.weight": (FF, C), n + "ffn.dense_out.weight": (C, FF // 2)}
shapes |= {f"{n}.{kind}": (C,) for n in norms for kind in ["weight", "bias"]}
p = {k: torch.zeros(s, dtype=torch.float64, requires_grad=True) for k, s in shapes.items()}
randomise(p.items())
tokens, real, segments, labels = make_batch(0)

position = torch.arange(S, dtype=torch.float64)[:, None]
angle = position * torch.exp(torch.arange(0, C, 2, dtype=torch.float64) * (-math.log(10000.0) / C))
pe = torch.stack([angle.sin(), angle.cos()], -1).reshape(S, C)
norm = lambda x, n: F.layer_norm(x, (C,), p[n + ".weight"], p[n + ".bias"], 1e-12)
word = p["encoder.embedding.word_embedding.weight"]
x = norm(word[tokens] + p["encoder.embedding.pos_embedding.scale_factor"] * pe, "encoder.embedding.norm")
mask = (1.0 - real[:, None, None, :].double()) * -10000.0
for l in range(2):
    n = f"encoder.layers.{l}."
    mixed = F.linear(norm(x, n + "norm1"), p[n + "attn.self_attention.query_key_value.weight"])
    q, k, v = mixed.view(B, S, H, 3 * D).split(D, dim=3)
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    probabilities = (q @ k.transpose(2, 3) / math.sqrt(D) + mask).softmax(-1)
    x = x + F.linear((probabilities @ v).transpose(1, 2).reshape(B, S, C), p[n + "attn.dense.weight"])
    value, gate = F.linear(norm(x, n + "norm2"), p[n + "ffn.dense_in.weight"]).chunk(2, -1)
    x = x + F.linear(F.gelu(gate) * value, p[n + "ffn.dense_out.weight"])
logits = (norm(x, "encoder.final_norm") @ word.T)[real]
loss = F.cross_entropy(logits, labels)
loss.backward()


def as_saved(values):
    """As its state_dict is after torch.compile: prefixed, the tied pair once, a buffer beside the weights."""
    named = {("decoder.weight" if k == "encoder.embedding.word_embedding.weight" else k): v.detach().float() for k, v in values.items()}
    buffers = {f"encoder.layers.{l}.attn.self_attention.norm_factor": torch.tensor(D).rsqrt() for l in range(2)}
    return save({"_orig_mod." + k: v.contiguous() for k, v in (named | buffers).items()})


write("crammed-bert", arch, as_saved(p), as_saved({k: v.grad for k, v in p.items()}), tokens, real, segments, labels, logits, loss)

torch.manual_seed(6)
distil = DistilBertConfig(vocab_size=V, dim=C, n_layers=2, n_heads=H, hidden_dim=24, max_position_embeddings=10, **attention)
make_hugging_face("distilbert", DistilBertForMaskedLM(distil), 0, False)

# Encoders alone, saved without a prefix, and the mean of their last hidden states.
torch.manual_seed(7)
small = dict(vocab_size=12, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, **attention)
bare = {
    "bert": BertModel(BertConfig(max_position_embeddings=8, **small)),
    "roberta": RobertaModel(RobertaConfig(max_position_embeddings=10, type_vocab_size=1, pad_token_id=1, **small)),
    "distilbert": DistilBertModel(DistilBertConfig(
        vocab_size=12, dim=8, n_layers=1, n_heads=2, hidden_dim=8, max_position_embeddings=8, sinusoidal_pos_embds=True, **attention)),
}
sequences = [[2, 5, 9, 3], [2, 7, 8, 11, 10, 6, 3], [2, 3]]
encoders = {}
for name, model in bare.items():
    model.eval()
    randomise(model.named_parameters())
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with open(os.path.join(folder, "model.safetensors"), "rb") as file, open(os.path.join(folder, "config.json")) as config:
            saved = {"config": json.load(config), "tensors": encode(file.read())}
    model.double()
    hidden = [model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0) for ids in sequences]
    encoders[name] = saved | {"vectors": [rounded(vector.tolist()) for vector in hidden]}
with open(os.path.join(here, "foreign-encoders.json"), "w") as out:
    out.write(json.dumps({"sequences": sequences, "encoders": encoders}) + "\n")

# Every binary16 exponent, and a few bfloat16.
halves = torch.tensor([0.0, -0.0, 1.0, -2.5, 6e-8, 6.1e-5, -5.96e-6, 65504.0, 0.333], dtype=torch.float16)
brains = torch.tensor([0.0, 1.0, -3.14159, 1e-38, 3e38, 0.1], dtype=torch.bfloat16)
file = save({"halves": halves, "brains": brains, "ids": torch.arange(3)})
with open(os.path.join(here, "foreign-halves.json"), "w") as out:
    out.write(json.dumps({"tensors": encode(file), "halves": halves.double().tolist(), "brains": brains.double().tolist()}) + "\n")
