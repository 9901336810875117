# Makes tensorboard.json: event files as TensorBoard's own RecordWriter and protocol buffers write them, and what TensorBoard's
# reader shows of a run that was resumed. Needs the package tensorboard 2.21.0.

import base64
import io
import json
import os
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.hparams import plugin_data_pb2, summary_v2
from tensorboard.plugins.text import metadata
from tensorboard.summary.writer.record_writer import RecordWriter, masked_crc32c


def scalars(step, seconds, values):
    summary = summary_pb2.Summary(
        value=[summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    )
    return event_pb2.Event(wall_time=seconds, step=step, summary=summary)


recipe = {"name": "tiny", "model": {"width": 32, "biases": False, "bases": [10, 20]}}
settings = {"name": "tiny", "model.width": 32, "model.biases": False, "model.bases": "[10,20]"}


def texts(step, seconds, values):
    summary = summary_pb2.Summary()
    for tag, text in values.items():
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING, tensor_shape=tensor_shape_pb2.TensorShapeProto(), string_val=[text.encode()]
        )
        described = metadata.create_summary_metadata(None, None)
        summary.value.add(tag=tag, tensor=tensor, metadata=described)
    return event_pb2.Event(wall_time=seconds, step=step, summary=summary)


def session(step, seconds, summary):
    """The maps of the plugin's own content in the order of their keys, as the rest is written."""
    data = summary.value[0].metadata.plugin_data
    data.content = plugin_data_pb2.HParamsPluginData.FromString(data.content).SerializeToString(deterministic=True)
    return event_pb2.Event(wall_time=seconds, step=step, summary=summary)


def end(step, seconds, status):
    data = plugin_data_pb2.HParamsPluginData(
        session_end_info=plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=seconds)
    )
    summary = summary_v2.hparams_pb({})
    summary.value[0].tag = "_hparams_/session_end_info"
    summary.value[0].metadata.plugin_data.content = data.SerializeToString()
    return session(step, seconds, summary)


def begin(step, seconds):
    yield event_pb2.Event(wall_time=seconds, file_version="brain.Event:2")
    if step > 0:
        log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        yield event_pb2.Event(wall_time=seconds, step=step + 1, session_log=log)
    yield session(step, seconds, summary_v2.hparams_pb(settings, trial_id="run", start_time_secs=seconds))
    yield texts(step, seconds, {"recipe": f"```json\n{json.dumps(recipe, indent=2)}\n```"})


def step_event(step, seconds, loss):
    return scalars(
        step,
        seconds,
        {
            "loss/training": loss,
            "gradient norm": 1.5,
            "learning rate": 0.001,
            "batch/sequences": 64.0,
            "progress/tokens": 8192.0 * step,
            "progress/budget": 0.25,
            "speed/tokens per second": 16384.0,
        },
    )


files = [
    [
        *begin(0, 1700000000.25),
        scalars(0, 1700000000.5, {"loss/validation": 8.5}),
        step_event(1, 1700000001.0, 7.25),
        step_event(200, 1700000002.0, 6.5),
        texts(
            200,
            1700000002.5,
            {
                "samples/masks": "| text | likeliest |\n| --- | --- |\n| a &#91;MASK&#93;. | &#124; 0.750, wolf 0.125 |",
                "samples/neighbours": "| text | likeliest |\n| --- | --- |\n| fox | wolf 0.500 |",
            },
        ),
        step_event(300, 1700000003.0, float("nan")),
        end(300, 1700000003.0, 2),
    ],
    [*begin(200, 1700000100.25), step_event(201, 1700000101.0, 6.25), end(201, 1700000101.0, 1)],
]

written = []
with tempfile.TemporaryDirectory() as folder:
    for number, events in enumerate(files):
        stream = io.BytesIO()
        writer = RecordWriter(stream)
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
        written.append(base64.b64encode(stream.getvalue()).decode())
        with open(os.path.join(folder, f"events.out.tfevents.{1700000000 + 100 * number}.cram"), "wb") as file:
            file.write(stream.getvalue())
    reader = EventAccumulator(folder)
    reader.Reload()
    shown = {
        tag: [[one.step, one.value] for one in reader.Scalars(tag)]
        for tag in ["loss/training", "loss/validation"]
    }

checksums = [
    [text.hex(), masked_crc32c(text)] for text in [b"", b"123456789", bytes(32), bytes([255]) * 32, bytes(range(32))]
]
with open(os.path.join(os.path.dirname(__file__), "../expected/tensorboard.json"), "w") as file:
    json.dump({"files": written, "shown": shown, "checksums": checksums}, file, indent=1)
    file.write("\n")
