"""Small parquet files as the Hugging Face Hub has them, written by pyarrow, and the rows that are in them.

    pip install pyarrow && python test/golden/scripts/make-parquet.py > test/golden/expected/parquet.json
"""

import base64
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq


def store(table, **options):
    """The bytes in base64, and the rows as pyarrow itself reads them back."""
    held = io.BytesIO()
    pq.write_table(table, held, store_schema=False, **options)
    held.seek(0)
    rows = pq.read_table(held).to_pylist()
    return {"base64": base64.b64encode(held.getvalue()).decode("ascii"), "rows": rows}


# A task of GLUE: a class as int64, the row's number as int32, in two row groups.
cola = pa.table(
    {
        "sentence": ["The cat sat.", "Cat the sat.", 'He said "no".', "Caf\u00e9s\tclosed."],
        "label": pa.array([1, 0, 1, 1], pa.int64()),
        "idx": pa.array([0, 1, 2, 3], pa.int32()),
    }
)
# A multiple choice with a list, a struct, a null and a double.
nested = pa.table(
    {
        "question": ["Where?", None],
        "options": pa.array([["here", "there"], []], pa.list_(pa.string())),
        "idx": pa.array([{"paragraph": 0, "answer": 7}, {"paragraph": 1, "answer": 8}]),
        "score": pa.array([2.5, 4.0], pa.float64()),
        "right": pa.array([True, False]),
    }
)
golden = {
    "cola": store(cola, compression="snappy", row_group_size=2),
    "nested-zstd": store(nested, compression="zstd"),
    "nested-gzip": store(nested, compression="gzip", use_dictionary=False, data_page_version="2.0"),
    "no-rows": store(cola.slice(0, 0)),
}
print(json.dumps(golden, indent=1))
