"""Small files of formats that nothing here writes, for the fault campaign (test/torture): parquet by pyarrow, zstd by its program.

    pip install pyarrow && python test/golden/scripts/make-torture.py > test/golden/expected/torture.json
"""

import base64
import io
import json
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq

pairs = [("red", "fox"), ("grey", "wolf"), ("brown", "bear"), ("green", "frog")]
texts = ["the %s %s sleeps in its den number %d." % (*pairs[i % 4], i) for i in range(60)]


def encode(data):
    return base64.b64encode(data).decode("ascii")


def store(**options):
    held = io.BytesIO()
    table = pa.table({"text": texts, "label": [i % 2 for i in range(60)]})
    pq.write_table(table, held, store_schema=False, row_group_size=40, **options)
    return encode(held.getvalue())


def compress():
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    # The program writes a checksum, which pyarrow does not.
    return encode(subprocess.run(["zstd", "-c"], input=lines, capture_output=True, check=True).stdout)


files = {
    "snappy.parquet": store(),
    "v2.parquet": store(data_page_version="2.0", compression="zstd", write_page_checksum=True),
    "delta.parquet": store(
        compression="gzip",
        use_dictionary=False,
        column_encoding={"text": "DELTA_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"},
    ),
    "jsonl.zst": compress(),
}
print(json.dumps(files, indent=1))
