"""Small Arrow files in every form in which they are written: streams and files, plain, LZ4 and Zstandard, with dictionaries.

    pip install pyarrow && python test/golden/scripts/make-arrow.py > test/golden/expected/arrow.json
"""

import base64
import io
import json

import pyarrow as pa

texts = ["a text", None, "é 😀 " * 30, "", "the same again and again " * 100]
table = pa.table(
    {
        "text": pa.array(texts, pa.string()),
        "large": pa.array(texts[::-1], pa.large_string()),
        "class": pa.array(["x", "y", "x", "x", None]).dictionary_encode(),
        "number": pa.array([1, 2**60, None, -3, 4], pa.int64()),
        "score": pa.array([0.5, None, 2.0, 3.25, -1.0], pa.float64()),
        "ids": pa.array([[1, 2], [], None, [3], [4, 5, 6]], pa.list_(pa.int32())),
        "meta": pa.array([{"set": "Books", "n": 1}] * 5),
    }
)


def store(make, compression, rows_of_batch):
    held = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with make(held, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows_of_batch)
    return base64.b64encode(held.getvalue()).decode("ascii")


stream, file = pa.ipc.new_stream, pa.ipc.new_file
files = {
    "stream": store(stream, None, 2),
    "file": store(file, None, 2),
    "stream-lz4": store(stream, "lz4", 5),
    "file-lz4": store(file, "lz4", 2),
    "file-zstd": store(file, "zstd", 3),
}
rows = table.to_pylist()
for row in rows:
    # As JSON holds a number that no double does.
    row["number"] = str(row["number"]) if row["number"] == 2**60 else row["number"]
# A buffer of more than one block of 64 KiB, whose blocks refer to each other.
long = pa.table({"text": [f"{i * i} bottles, {i} of them green; " * 8 for i in range(400)]})
held = io.BytesIO()
with file(held, long.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
    writer.write_table(long)
long_file = base64.b64encode(held.getvalue()).decode("ascii")
print(json.dumps({"files": files, "rows": rows, "long": long_file}, indent=0))
