"""Makes export-modernbert.json: what cram export writes for a model whose head is its embedding and whose first attention has a
norm, loaded by transformers' ModernBertForMaskedLM, with its logits and hidden states on padded sequences in float64.

Needs torch, transformers (5.18) and safetensors. Run beside this file: python make-export.py
The first layer adds nothing, and head.dense undoes the final norm: both are made here by the rule, not by our code.
"""
import base64, json, os, tempfile, torch
from safetensors.torch import save_file
from transformers import ModernBertForMaskedLM

here = os.path.dirname(os.path.abspath(__file__))
V, C, H, F, L, B, S = 40, 16, 2, 12, 2, 3, 8
lengths = [8, 5, 3]
torch.manual_seed(0)
config = {
    "architectures": ["ModernBertForMaskedLM"], "model_type": "modernbert", "vocab_size": V, "hidden_size": C,
    "num_hidden_layers": L + 1, "num_attention_heads": H, "intermediate_size": F, "max_position_embeddings": S,
    "hidden_activation": "gelu", "classifier_activation": "linear", "classifier_pooling": "mean", "norm_eps": 1e-12,
    "norm_bias": True, "attention_bias": False, "mlp_bias": False, "classifier_bias": True, "decoder_bias": False,
    "local_attention": 2 * (S - 1), "layer_types": ["full_attention"] * (L + 1),
    "rope_parameters": {kind: {"rope_type": "default", "rope_theta": 10000} for kind in ["full_attention", "sliding_attention"]},
    "global_attn_every_n_layers": 1, "global_rope_theta": 10000, "local_rope_theta": 10000, "leading_identity_layers": 1,
    "attention_dropout": 0, "embedding_dropout": 0, "mlp_dropout": 0, "pad_token_id": 0, "cls_token_id": 4,
    "sep_token_id": 5, "bos_token_id": 4, "eos_token_id": 5, "tie_word_embeddings": True, "dtype": "float32",
}
matrix = lambda rows, columns: torch.randn(rows, columns) * 0.3
norm = lambda name: {f"{name}.weight": 1 + torch.randn(C) * 0.2, f"{name}.bias": torch.randn(C) * 0.2}
tensors = {"model.embeddings.tok_embeddings.weight": matrix(V, C)} | norm("model.embeddings.norm") | norm("model.final_norm")
for layer in range(1, L + 1):
    n = f"model.layers.{layer}"
    tensors |= norm(f"{n}.attn_norm") | norm(f"{n}.mlp_norm")
    tensors |= {f"{n}.attn.Wqkv.weight": matrix(3 * C, C), f"{n}.attn.Wo.weight": matrix(C, C),
                f"{n}.mlp.Wi.weight": matrix(2 * F, C), f"{n}.mlp.Wo.weight": matrix(C, F)}
n = "model.layers.0"
tensors |= {f"{n}.attn.Wqkv.weight": torch.zeros(3 * C, C), f"{n}.attn.Wo.weight": torch.zeros(C, C),
            f"{n}.mlp_norm.weight": torch.ones(C), f"{n}.mlp_norm.bias": torch.zeros(C),
            f"{n}.mlp.Wi.weight": torch.zeros(2 * F, C), f"{n}.mlp.Wo.weight": torch.zeros(C, F)}
weight, bias = tensors["model.final_norm.weight"], tensors["model.final_norm.bias"]
tensors |= {"head.dense.weight": torch.diag(1 / weight), "head.dense.bias": -bias / weight,
            "head.norm.weight": weight.clone(), "head.norm.bias": bias.clone()}

with tempfile.TemporaryDirectory() as folder:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file)
    with open(os.path.join(folder, "model.safetensors"), "rb") as file:
        stored = file.read()
    model, info = ModernBertForMaskedLM.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
assert not any(info.values()), info
model.double().eval()
real = torch.arange(S)[None, :] < torch.tensor(lengths)[:, None]
tokens = torch.randint(7, V, (B, S)).masked_fill(~real, 0)
with torch.no_grad():
    hidden = model.model(input_ids=tokens, attention_mask=real.long()).last_hidden_state[real]
    logits = model(input_ids=tokens, attention_mask=real.long()).logits[real]
rounded = lambda values: [float(f"{v:.9g}") for v in values.reshape(-1).tolist()]
case = {"config": config, "tensors": base64.b64encode(stored).decode(), "lengths": lengths, "tokens": tokens.reshape(-1).tolist(),
        "logits": rounded(logits), "hidden": rounded(hidden)}
with open(os.path.join(here, "export-modernbert.json"), "w") as file:
    file.write(json.dumps(case) + "\n")
