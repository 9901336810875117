"""What NumPy and pyarrow read of the files that `cram corpus export` writes, with the hash of each file, so that a test needs neither.

    npm run build
    node dist/test/golden/corpus-export-fixture.js FOLDER
    python test/golden/scripts/make-corpus-export.py FOLDER > test/golden/expected/corpus-export.json
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

folder = Path(sys.argv[1])


def describe(path, rows):
    return {"sha256": hashlib.sha256((folder / path).read_bytes()).hexdigest(), "rows": rows}


def of_sequences(part):
    table = parquet.read_table(folder / "sequences" / f"{part}-00000.parquet")
    assert str(table.schema.field("input_ids").type) == "list<element: int32 not null>"
    return table["input_ids"].to_pylist()


files = {}
for part, name in (("training", "train.bin"), ("validation", "val.bin")):
    matrix = np.load(folder / "npy" / f"{part}.npy")
    assert matrix.dtype == np.uint16
    rows = of_sequences(part)
    stream = np.fromfile(folder / "ids" / name, dtype=np.uint16)
    assert stream.tolist() == matrix.reshape(-1).tolist() == [token for row in rows for token in row]
    files[f"npy/{part}.npy"] = describe(f"npy/{part}.npy", len(matrix))
    files[f"ids/{name}"] = describe(f"ids/{name}", len(matrix))
    files[f"sequences/{part}-00000.parquet"] = describe(f"sequences/{part}-00000.parquet", len(rows))
texts = parquet.read_table(folder / "texts" / "documents-00000.parquet")["text"].to_pylist()
files["texts/documents-00000.parquet"] = describe("texts/documents-00000.parquet", len(texts))
json.dump({"files": files, "sequences": of_sequences("validation"), "texts": texts}, sys.stdout, ensure_ascii=False)
