# python check-wandb.py RUN: has `wandb sync` read the offline run of a run's folder, sending it to a server on this machine, and
# compares what arrives with events.jsonl. Needs the package wandb 0.30.0. Run by hand; what it sends to is no server of theirs.

import glob
import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

lines, summary, ends, configs = [], {}, [], []


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def do_PUT(self):
        self.body()
        self.answer({})

    def do_POST(self):
        body = self.body()
        if self.path.endswith("/file_stream"):
            sent = json.loads(body)
            for name, part in sent.get("files", {}).items():
                rows = [json.loads(row) for row in part["content"]]
                if name == "wandb-history.jsonl":
                    lines[part["offset"] :] = rows
                elif name == "wandb-summary.json":
                    summary.update(rows[-1])
            if sent.get("complete"):
                ends.append(sent["exitcode"])
            return self.answer({"exitcode": None, "limits": {}})
        if not self.path.startswith("/graphql"):
            return self.answer({})
        asked = json.loads(body)
        query, variables = asked["query"], asked.get("variables") or {}
        if "upsertBucket" in query:
            configs.append(json.loads(variables["config"]))
            project = {"id": "1", "name": variables["project"], "entity": {"id": "1", "name": "me"}}
            bucket = {"id": "1", "name": variables["name"], "displayName": variables["displayName"], "config": "{}"}
            bucket |= {"historyLineCount": 0, "sweepName": None, "project": project}
            return self.answer({"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}})
        if "createRunFiles" in query:
            place = f"http://127.0.0.1:{self.server.server_port}/upload/"
            files = [{"name": name, "uploadUrl": place + name} for name in variables["files"]]
            return self.answer({"data": {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}})
        self.answer({"data": {}})

    def log_message(self, *_):
        pass


run = sys.argv[1]
[offline] = glob.glob(os.path.join(run, "wandb", "offline-run-*"))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
with tempfile.TemporaryDirectory() as folder:
    copy = shutil.copytree(offline, os.path.join(folder, os.path.basename(offline)), ignore=lambda _, names: [n for n in names if ".sync" in n])
    address = {"WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}", "WANDB_API_KEY": "0" * 40, "HOME": folder}
    subprocess.run([os.path.join(os.path.dirname(sys.executable), "wandb"), "sync", copy], env={**os.environ, **address}, check=True)

with open(os.path.join(run, "events.jsonl")) as file:
    events = [json.loads(line) for line in file]
with open(os.path.join(run, "recipe.json")) as file:
    recipe = json.load(file)
by_step = {line["_step"]: line for line in lines}
assert len(by_step) == len(lines) == len({event["step"] for event in events if event["kind"] in ("step", "validation")})
for event in events:
    if event["kind"] in ("step", "validation") and event["loss"] is not None:
        name = "loss/training" if event["kind"] == "step" else "loss/validation"
        assert by_step[event["step"]][name] == event["loss"], event
for key, value in recipe.items():
    assert configs[-1][key]["value"] == value, key
last = [event["loss"] for event in events if event["kind"] == "validation"][-1]
assert summary["loss/validation"] == last and ends == [0 if events[-1].get("reason") == "budget" else 1]
print(f"wandb read {len(lines)} steps, the recipe, the summary (loss/validation {last}) and exit code {ends[0]}")
