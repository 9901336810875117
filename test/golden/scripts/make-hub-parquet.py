"""A parquet file as a dataset of the Hub has it: three groups of rows, a column of texts beside a larger one that is not read.

    pip install pyarrow && python test/golden/scripts/make-hub-parquet.py > test/golden/expected/hub-parquet.json
"""

import base64
import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq

random.seed(7)
texts = [f"text {i} " + " ".join(f"{random.randrange(10**6):x}" for _ in range(20)) for i in range(60)]
table = pa.table({"url": [random.randbytes(200).hex() for _ in texts], "text": texts})
held = io.BytesIO()
pq.write_table(table, held, store_schema=False, compression="snappy", use_dictionary=False, row_group_size=20)
print(json.dumps({"base64": base64.b64encode(held.getvalue()).decode("ascii"), "texts": texts}, indent=0))
