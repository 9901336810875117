"""A set as the reference uploads one: sequences of ids in parquet, and its tokenizer, with special tokens at any ids.

    pip install pyarrow tokenizers && python test/golden/scripts/make-ready-made.py > test/golden/expected/ready-made.json
"""

import base64
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

texts = [f"The {a} {b}s by the {a}, {i} times." for i, (a, b) in enumerate([("fox", "sleep"), ("owl", "wait"), ("hen", "stand")] * 20)]
special = ["<mask>", "<sep>", "<s>", "<pad>", "<cls>", "</s>", "<unk>"]
tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
# As the reference's _get_sane_normalizers has it.
tokenizer.normalizer = normalizers.Sequence(
    [
        normalizers.Replace("``", '"'),
        normalizers.Replace("''", '"'),
        normalizers.NFD(),
        normalizers.Lowercase(),
        normalizers.StripAccents(),
        normalizers.Replace(Regex(" {2,}"), " "),
        normalizers.Replace(Regex(r"[^\x00-\x7F]+"), ""),
    ]
)
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.decoder = decoders.WordPiece(prefix="##")
tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=80, special_tokens=special, show_progress=False))
ids = {token: tokenizer.token_to_id(token) for token in special}
tokenizer.post_processor = processors.TemplateProcessing(
    single="$A <sep>", pair="<cls>:0 $A:0 <sep>:0 $B:0 <sep>:0", special_tokens=[("<cls>", ids["<cls>"]), ("<sep>", ids["<sep>"])]
)
stream = [token for encoding in tokenizer.encode_batch(texts) for token in encoding.ids]
rows = [stream[i : i + 16] for i in range(0, len(stream) - 15, 16)]


def store(rows):
    held = io.BytesIO()
    pq.write_table(pa.table({"input_ids": pa.array(rows, pa.list_(pa.int32()))}), held, store_schema=False)
    return base64.b64encode(held.getvalue()).decode("ascii")


half = len(rows) // 2
shards = [store(rows[:half]), store(rows[half:])]
print(json.dumps({"tokenizer": json.loads(tokenizer.to_str()), "shards": shards, "rows": rows, "separator": ids["<sep>"]}))
