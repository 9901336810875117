"""Makes electra.json: transformers' ElectraForPreTraining and ElectraForMaskedLM, each with an embedding narrower than its layers, and an
ElectraModel without: their tensors as they are saved, hidden states and logits on padded sequences in float64.

Needs torch, transformers (5.18) and safetensors. Run beside this file: python make-electra.py > ../expected/electra.json
"""
import base64, json, os, tempfile, torch
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining, ElectraModel

V, C, S = 14, 8, 6
lengths = [6, 4, 1]
rounded = lambda values: [float(f"{v:.9g}") for v in values.reshape(-1).tolist()]
torch.manual_seed(11)
real = torch.arange(S)[None, :] < torch.tensor(lengths)[:, None]
tokens = torch.randint(1, V, (len(lengths), S)).masked_fill(~real, 0)
models = []
for make, embedding in [(ElectraForPreTraining, 6), (ElectraForMaskedLM, 6), (ElectraModel, C)]:
    config = ElectraConfig(vocab_size=V, embedding_size=embedding, hidden_size=C, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
                           max_position_embeddings=S, attn_implementation="eager")
    model = make(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            p.copy_((centre + torch.randn_like(p) * (0.2 if p.dim() == 1 else 0.3)).float())
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with open(os.path.join(folder, "model.safetensors"), "rb") as file, open(os.path.join(folder, "config.json")) as saved:
            case = {"config": json.load(saved), "tensors": base64.b64encode(file.read()).decode()}
    model.double()
    given = {"input_ids": tokens, "attention_mask": real.long()}
    with torch.no_grad():
        encoder = model if make is ElectraModel else model.electra
        case["hidden"] = rounded(encoder(**given).last_hidden_state[real])
        case["logits"] = [] if make is ElectraModel else rounded(model(**given).logits[real])
    models.append(case)
print(json.dumps({"tokens": tokens.reshape(-1).tolist(), "lengths": lengths, "models": models}))
