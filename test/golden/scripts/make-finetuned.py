"""Makes finetuned.json: classifiers of transformers with drawn weights, as save_pretrained leaves them, and their logits on padded
sequences in float64.

Needs torch and transformers (5.18). Run beside this file: python make-finetuned.py
"""
import base64, json, os, tempfile, torch
from transformers import (BertConfig, BertForSequenceClassification, ModernBertConfig, ModernBertForSequenceClassification,
                          ModernBertForTokenClassification)

here = os.path.dirname(os.path.abspath(__file__))
V, C, H, F, L, B, S = 30, 16, 2, 12, 2, 3, 8
lengths = [8, 5, 3]
real = torch.arange(S)[None, :] < torch.tensor(lengths)[:, None]
names = lambda labels: {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}
modern = dict(vocab_size=V, hidden_size=C, num_hidden_layers=L, num_attention_heads=H, intermediate_size=F,
              max_position_embeddings=S, norm_eps=1e-12, norm_bias=True, classifier_bias=True, layer_types=["full_attention"] * L,
              rope_parameters={k: {"rope_type": "default", "rope_theta": 10000.0} for k in ["full_attention", "sliding_attention"]},
              attn_implementation="eager", pad_token_id=0, cls_token_id=4, sep_token_id=5, bos_token_id=4, eos_token_id=5)
bert = dict(vocab_size=V, hidden_size=C, num_hidden_layers=L, num_attention_heads=H, intermediate_size=F, max_position_embeddings=S,
            type_vocab_size=2, attn_implementation="eager", pad_token_id=0)


def make(name, cls, config, kind, pooler):
    torch.manual_seed(len(name))
    model = cls(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 0.3)
            else:
                parameter += 0.2 * torch.randn_like(parameter)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with open(os.path.join(folder, "model.safetensors"), "rb") as file:
            tensors = base64.b64encode(file.read()).decode()
        with open(os.path.join(folder, "config.json")) as file:
            saved = json.load(file)
    model.double().eval()
    tokens = torch.randint(6, V, (B, S)).masked_fill(~real, 0)
    segments = (torch.arange(S)[None, :] >= 2).long().expand(B, S) * real
    inputs = {"input_ids": tokens, "attention_mask": real.long()}
    if cls is BertForSequenceClassification:
        inputs["token_type_ids"] = segments
    with torch.no_grad():
        logits = model(**inputs).logits
    logits = logits[real] if kind == "tokens" else logits
    case = {"name": name, "className": cls.__name__, "kind": kind, "pooler": pooler, "config": saved, "tensors": tensors,
            "labels": [saved["id2label"][str(i)] for i in range(len(saved["id2label"]))], "lengths": lengths,
            "tokens": tokens.reshape(-1).tolist(), "logits": [float(f"{v:.9g}") for v in logits.reshape(-1).tolist()]}
    if cls is BertForSequenceClassification:
        case["segments"] = segments.reshape(-1).tolist()
    return case


sequence = ModernBertForSequenceClassification
three = names(["entailment", "neutral", "contradiction"])
single = {"problem_type": "single_label_classification"}
cases = [
    make("mean", sequence, ModernBertConfig(classifier_pooling="mean", **modern, **three, **single), "classification", "mean"),
    make("first", sequence, ModernBertConfig(classifier_pooling="cls", **modern, **three, **single), "classification", "cls"),
    make("number", sequence, ModernBertConfig(classifier_pooling="mean", **modern, **names(["score"]), problem_type="regression"), "regression", "mean"),
    make("words", ModernBertForTokenClassification, ModernBertConfig(**modern, **names(["O", "NAME"])), "tokens", "cls"),
    make("bert", BertForSequenceClassification, BertConfig(**bert, **names(["no", "yes"]), **single), "classification", "cls"),
]
with open(os.path.join(here, "finetuned.json"), "w") as file:
    file.write(json.dumps(cases) + "\n")
