import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TrainingEvent } from "../../events/event.ts";
import { prepare } from "../prepare/prepare.ts";
import { pretrain } from "./pretrain.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-counted-"));
after(() => rmSync(folder, { recursive: true }));

const pairs = ["red fox", "blue sky", "green tree", "old stone", "deep sea", "high hill"];
const text = Array.from({ length: 400 }, (_, row) =>
  Array.from({ length: 6 }, (_, i) => pairs[(row * (i + 3) + i * i) % pairs.length]).join(" "),
);

test("a training that counts begins nearer to the text than one that draws, and its budget has begun", async () => {
  writeFileSync(join(folder, "text.txt"), text.join("\n\n"));
  const data = join(folder, "data");
  await prepare({ texts: [join(folder, "text.txt")], out: data, vocabulary: 64, sequenceLength: 16, holdOut: 0.2 });
  const begin = async (...settings: string[]) => {
    const events: TrainingEvent[] = [];
    const out = join(folder, `run${settings.length}`);
    const shape = ["width=16", "layers=1", "heads=2", "feedForward=32", "vocabulary=64", "sequenceLength=16"];
    await pretrain({
      ...{ data, out, backend: "reference", recipe: "quickstart", budget: "1steps" },
      set: [...[...shape, "embedding.neighbours=2", ...settings].map(each => `model.${each}`), "train.precision=f32"],
      onEvent: event => events.push(event),
    });
    const [start] = events.filter(event => event.kind === "start");
    const [first] = events.filter(event => event.kind === "validation");
    return { seconds: start!.elapsedSeconds, loss: first!.loss };
  };
  const drawn = await begin();
  const counted = await begin("embedding.initialisation=cooccurrence");
  // Nothing can be counted in less; where nothing was, it is a third of a millisecond.
  assert.ok(counted.seconds > 0.002, String(counted.seconds));
  assert.ok(counted.loss < drawn.loss - 0.3, `${counted.loss} for ${drawn.loss}`);
});
