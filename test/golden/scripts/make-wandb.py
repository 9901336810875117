# Makes wandb.json: an offline run as wandb's own protocol buffers write its records, and a file that wandb itself wrote, whose
# config is longer than a block of the file. Needs the package wandb 0.30.0.

import base64
import glob
import gzip
import json
import os
import struct
import tempfile
import zlib

import wandb
from wandb.proto import wandb_internal_pb2 as pb

block = 32768


def frame(records):
    """LevelDB's log as wandb's Go writer writes it; held below against a file that wandb wrote."""
    out = bytearray(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    for content in records:
        done = 0
        while True:
            left = block - len(out) % block
            if left < 7:
                out += bytes(left)
                continue
            piece = content[done : done + left - 7]
            is_first, is_last = done == 0, done + len(piece) == len(content)
            kind = 1 if is_first and is_last else 2 if is_first else 4 if is_last else 3
            out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + piece), len(piece), kind) + piece
            done += len(piece)
            if is_last:
                break
    return bytes(out)


def unframe(data):
    offset, content = 7, b""
    while offset < len(data):
        if block - offset % block < 7:
            offset += block - offset % block
            continue
        _, length, kind = struct.unpack("<IHB", data[offset : offset + 7])
        content += data[offset + 7 : offset + 7 + length]
        offset += 7 + length
        if kind in (1, 4):
            yield content
            content = b""


# What wandb writes.
with tempfile.TemporaryDirectory() as folder:
    settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True, silent=True)
    config = {"long": "abcdefgh" * 10_000, "none": float("nan")}
    run = wandb.init(mode="offline", project="cramming", name="mine", config=config, dir=folder, settings=settings)
    run.log({"loss": 7.25, "none": float("nan")}, step=1)
    run.finish()
    wandb.teardown()
    with open(glob.glob(os.path.join(folder, "wandb", "offline-run-*", "*.wandb"))[0], "rb") as file:
        written = file.read()
assert len(written) > 2 * block and frame(unframe(written)) == written

# What the test's events are to become.
began = 1_700_000_000
run = pb.RunRecord(run_id="cram00000000", project="mine", display_name="run", host="here")
for key, value in {"name": "tiny", "model": {"width": 32}}.items():
    run.config.update.add(key=key, value_json=json.dumps(value, separators=(",", ":")))
run.start_time.FromSeconds(began)
masks, neighbours = "a [MASK].: fox 0.750, wolf 0.125", "fox: wolf 0.500"


def step_values(step, loss):
    values = {
        "loss/training": loss,
        "gradient norm": 1.5,
        "learning rate": 0.001,
        "batch/sequences": 64,
        "progress/tokens": 8192 * step,
        "progress/budget": 0.25,
        "speed/tokens per second": 16384,
    }
    return {**values, **times(step)}


def times(step):
    return {"_step": step, "_runtime": step, "_timestamp": began + step}


def fill(target, values):
    for key, value in values.items():
        target.add(nested_key=[key], value_json=json.dumps(value))


rows = [
    {"loss/validation": 8.5, **times(0)},
    step_values(1, 7.25),
    {
        **step_values(200, 6.5),
        **{"loss/validation": 6.75, "samples/masks": masks, "samples/neighbours": neighbours},
    },
    step_values(300, float("nan")),
]
records = [
    pb.Record(header=pb.HeaderRecord(version_info=pb.VersionInfo(producer="cramming", min_consumer="0.70.0"))),
    pb.Record(run=run),
]
summary = {}
for row in rows:
    history = pb.Record()
    fill(history.history.item, row)
    history.history.step.num = row["_step"]
    records.append(history)
    summary |= row
    if "loss/validation" in row:
        records.append(pb.Record())
        fill(records[-1].summary.update, summary)
records.append(pb.Record())
fill(records[-1].summary.update, summary)
records.append(pb.Record(exit=pb.RunExitRecord(exit_code=1, runtime=300)))
for number, record in enumerate(records, 1):
    record.num = number

packed = base64.b64encode(gzip.compress(written, mtime=0)).decode()
whole = base64.b64encode(frame(one.SerializeToString(deterministic=True) for one in records)).decode()
with open(os.path.join(os.path.dirname(__file__), "../expected/wandb.json"), "w") as file:
    json.dump({"writtenByWandb": packed, "run": whole}, file, indent=1)
    file.write("\n")
