"""Tables as Python's csv module and pandas read them, where both read the same.

    pip install pandas && python test/golden/scripts/make-tables.py > test/golden/expected/tables.json
"""

import csv
import io
import json

import pandas as pd

texts = {
    "plain": "a,b\n1,2\n",
    "no end": "a,b\n1,2",
    "CRLF": "a,b\r\n1,2\r\n",
    "CR": "a,b\r1,2\r3,4\r",
    "CRLF then LF": "a,b\r\n1,2\n3,4\n",
    "LF then CRLF": "a,b\n1,2\r\n3,4\r\n",
    "LF then CRLF, quoted": 'a,b\n1,"x, y"\r\n2,"z"\r\n',
    "all ends": "a,b\r\n1,2\n3,4\r5,6\r\n",
    "quoted names": '"a","b,c"\n1,2\n',
    "doubled quotes": 'a,b\n"say ""hi""",2\n"""",""\n',
    "quoted line ends": 'a,b\n"x\ny",2\n"x\r\ny",3\n',
    "quote inside": 'a,b\n5" disk,2\nsay "hi",3\n',
    "empty fields": "a,b\n,\n1,\n,2\n",
    "empty lines": "\na,b\n\n1,2\n\n\n3,4\n\n",
    "lines of spaces": "a,b\n1,2\n   \n3,4\n",
    "spaces kept": "a,b\n 1 , 2\n",
    "one column": "a\nx\ny z\n",
    "Unicode": "ä,日本\né\u2028x,\u00a0y\u0085\n",
    "semicolons": "a;b\nt0;0,5\nt1;1,5\n",
    "tabs": "a\tb\n1\t2\n",
    "bars": "a|b\n1|x, y\n",
    "semicolons, commas in the names": "id;text, long;y\n1;a, b;0\n2;c, d;1\n",
}
separators = {"semicolons": ";", "tabs": "\t", "bars": "|", "semicolons, commas in the names": ";"}

golden = []
for name, text in texts.items():
    separator = separators.get(name, ",")
    records = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if "".join(row).strip() or len(row) > 1]
    frame = pd.read_csv(io.BytesIO(text.encode()), sep=separator, dtype=str, keep_default_na=False)
    read = [list(frame.columns)] + frame.values.tolist()
    assert read == records, (name, read, records)
    golden.append({"name": name, "text": text, "records": records})
print(json.dumps(golden, indent=1))
