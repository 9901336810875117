// Bytes against what wandb wrote and its protocol buffers write (scripts/make-wandb.py). scripts/check-wandb.py has `wandb sync`
// read a run, by hand.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { formatEvent, type TrainingEvent } from "../../src/events/event.ts";
import { checkWandbProject, WandbLog } from "../../src/tracking/wandb-log.ts";
import { fileStart, frameAt } from "../../src/tracking/wandb-records.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/wandb.json", import.meta.url), "utf8"),
) as { writtenByWandb: string; run: string };

const root = mkdtempSync(join(tmpdir(), "cram-wandb-"));
after(() => rmSync(root, { recursive: true }));

const clock = { seconds: () => 0, date: () => new Date(1_700_000_000_250) };
const stepEvent = (step: number, loss: number): TrainingEvent => ({
  kind: "step",
  ...{ step, loss, progress: 0.25, elapsedSeconds: step, gradientNorm: 1.5, learningRate: 0.001 },
  ...{ batchSequences: 64, tokens: 8192 * step, stepSeconds: 0.5, skipped: Number.isNaN(loss) },
});
const events: TrainingEvent[] = [
  { kind: "validation", step: 0, progress: 0, elapsedSeconds: 0, loss: 8.5 },
  stepEvent(1, 7.25),
  { kind: "checkpoint", step: 1, elapsedSeconds: 1, path: "x" },
  stepEvent(200, 6.5),
  { kind: "validation", step: 200, progress: 0.25, elapsedSeconds: 200, loss: 6.75 },
  {
    kind: "samples",
    ...{ step: 200, elapsedSeconds: 200 },
    fills: [
      {
        text: "a [MASK].",
        masks: [
          {
            candidates: [
              { token: "fox", probability: 0.75 },
              { token: "wolf", probability: 0.125 },
            ],
          },
        ],
      },
    ],
    neighbours: [{ text: "fox", nearest: [{ token: "wolf", similarity: 0.5 }] }],
  },
  stepEvent(300, Number.NaN),
];
const open = (run: string) =>
  new WandbLog({
    ...{ run, project: "mine", host: "here", config: { name: "tiny", model: { width: 32 } } },
    ...{ tokensPerSequence: 128, elapsedSeconds: 0, clock },
  });

test("a run that is resumed, and was sent before, is the bytes that wandb writes, in the folder that it had", () => {
  const run = join(root, "run");
  const folder = join(run, "wandb", "offline-run-20231114_221320-cram00000000");
  const [sent, file] = ["run-cram00000000.wandb.synced", "run-cram00000000.wandb"];
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, sent), "");
  writeFileSync(join(folder, file), "what an earlier start wrote");
  writeFileSync(join(run, "events.jsonl"), `${events.slice(0, 4).map(formatEvent).join("\n")}\n`);
  const log = open(run);
  for (const event of events.slice(4)) log.append(event);
  log.close("KILLED");
  assert.equal(readFileSync(join(folder, file)).toString("base64"), golden.run);
  assert.deepEqual(readdirSync(folder).sort(), ["files", file]);
});

test("a new run has a folder of its own beside another program's, named after its begin", () => {
  const run = join(root, "new");
  mkdirSync(join(run, "wandb", "offline-run-20200101_000000-abcdefgh"), { recursive: true });
  open(run).close("FINISHED");
  const [, own, ...more] = readdirSync(join(run, "wandb")).sort();
  assert.match(own!, /^offline-run-20231114_221320-cram[0-9a-f]{8}$/);
  assert.deepEqual(more, []);
});

test("records are cut at the borders of blocks as wandb cuts them", () => {
  const written = gunzipSync(Buffer.from(golden.writtenByWandb, "base64"));
  const parts: Uint8Array[] = [];
  for (let offset = fileStart.length; offset < written.length; ) {
    const left = 32_768 - (offset % 32_768);
    if (left < 7) offset += left;
    else {
      const length = written.readUInt16LE(offset + 4);
      const kind = written[offset + 6]!;
      const piece = written.subarray(offset + 7, offset + 7 + length);
      // 1 is whole, 2 a record's first piece.
      if (kind <= 2) parts.push(piece);
      else parts.push(Buffer.concat([parts.pop()!, piece]));
      offset += 7 + length;
    }
  }
  let own: Uint8Array = fileStart;
  for (const part of parts) own = Buffer.concat([own, frameAt(own.length, part)]);
  assert.ok(written.length > 65_536 && Buffer.from(own).equals(written));
});

test("a record fills a block to its last byte, and no header crosses a border", () => {
  const fitting = frameAt(0, new Uint8Array(32_761));
  assert.deepEqual([fitting.length, fitting[6]], [32_768, 1]);
  const behind = frameAt(32_762, Uint8Array.of(9));
  assert.deepEqual([...behind.subarray(0, 6)], [0, 0, 0, 0, 0, 0]);
  assert.deepEqual([behind.length, behind[12], behind[13]], [14, 1, 9]);
  // LevelDB's description of its log: where seven bytes are left, a first piece without content stands there.
  const cut = frameAt(32_761, Uint8Array.of(9));
  assert.deepEqual([cut.length, cut[4], cut[6], cut[13], cut[14]], [15, 0, 2, 4, 9]);
});

test("a project's name is one that Weights & Biases takes", () => {
  assert.equal(checkWandbProject("my project-2"), "my project-2");
  for (const name of ["", "a/b", "a:b", "x".repeat(129)]) {
    assert.throws(() => checkWandbProject(name), { code: "E_OPTION" });
  }
});
