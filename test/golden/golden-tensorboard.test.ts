// Bytes against TensorBoard's own writer (scripts/make-tensorboard.py, which also had TensorBoard read them), and checksums
// against RFC 3720.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TrainingEvent } from "../../src/events/event.ts";
import type { RunStatus } from "../../src/tracking/mlflow-client.ts";
import { TensorboardLog } from "../../src/tracking/tensorboard-log.ts";
import { crc32c, encodeScalars, maskedChecksum } from "../../src/tracking/tensorboard-records.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/tensorboard.json", import.meta.url), "utf8"),
) as {
  files: string[];
  checksums: [hex: string, checksum: number][];
};

const root = mkdtempSync(join(tmpdir(), "cram-tensorboard-"));
after(() => rmSync(root, { recursive: true }));
const folder = join(root, "run");
const recipe = { name: "tiny", model: { width: 32, biases: false, bases: [10, 20] } };

let seconds = 0;
const clock = { seconds: () => seconds, date: () => new Date(seconds * 1000) };

const start = (step: number): TrainingEvent => ({
  kind: "start",
  ...{ step, device: "d", parameters: 1, warmupSeconds: 1, elapsedSeconds: 0, unigramEntropy: 6 },
});
const stepEvent = (step: number, loss: number): TrainingEvent => ({
  kind: "step",
  ...{ step, loss, progress: 0.25, elapsedSeconds: step, gradientNorm: 1.5, learningRate: 0.001 },
  ...{ batchSequences: 64, tokens: 8192 * step, stepSeconds: 0.5, skipped: Number.isNaN(loss) },
});
const said: TrainingEvent = {
  kind: "samples",
  ...{ step: 200, elapsedSeconds: 200 },
  fills: [
    {
      text: "a [MASK].",
      masks: [
        {
          candidates: [
            { token: "|", probability: 0.75 },
            { token: "wolf", probability: 0.125 },
          ],
        },
      ],
    },
  ],
  neighbours: [{ text: "fox", nearest: [{ token: "wolf", similarity: 0.5 }] }],
};
const write = (opened: number, events: readonly (readonly [number, TrainingEvent])[], status: RunStatus) => {
  seconds = opened;
  const log = new TensorboardLog({ run: folder, clock, recipe, tokensPerSequence: 128 });
  for (const [at, event] of events) {
    seconds = at;
    log.append(event);
  }
  log.close(status);
};

test("a run and its resumption are the bytes that TensorBoard writes, in two files", () => {
  const interrupted: [number, TrainingEvent][] = [
    [1_700_000_000.25, start(0)],
    [1_700_000_000.5, { kind: "validation", step: 0, progress: 0, elapsedSeconds: 1, loss: 8.5 }],
    [1_700_000_001, stepEvent(1, 7.25)],
    [1_700_000_001.5, { kind: "checkpoint", step: 1, elapsedSeconds: 1, path: "x" }],
    [1_700_000_002, stepEvent(200, 6.5)],
    [1_700_000_002.5, said],
    [1_700_000_003, stepEvent(300, Number.NaN)],
  ];
  const resumed: [number, TrainingEvent][] = [
    [1_700_000_100.25, start(200)],
    [1_700_000_101, stepEvent(201, 6.25)],
  ];
  write(1_700_000_000.25, interrupted, "KILLED");
  write(1_700_000_100.25, resumed, "FINISHED");
  const names = readdirSync(folder).sort();
  assert.ok(names.every(name => name.includes("tfevents")));
  assert.deepEqual(
    names.map(name => readFileSync(join(folder, name)).toString("base64")),
    golden.files,
  );
});

test("a run resumed within a second still gets a file of its own", () => {
  write(1_700_000_100.25, [[1_700_000_100.25, start(0)]], "FINISHED");
  assert.equal(readdirSync(folder).length, 3);
});

test("checksums are RFC 3720's, and masked TensorBoard's", () => {
  // Appendix B.4 lists the bytes as they are sent, the lowest first.
  const published: [Uint8Array, number][] = [
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ];
  for (const [bytes, checksum] of published) assert.equal(crc32c(bytes), checksum);
  assert.equal(golden.checksums.length, 5);
  for (const [hex, checksum] of golden.checksums) assert.equal(maskedChecksum(Buffer.from(hex, "hex")), checksum);
});

test("steps beyond 2^31 keep all their bits", () => {
  // Field 2 after the nine bytes of field 1: 2^40 + 5 in groups of seven bits is 5, 0, 0, 0, 0, 32.
  const bytes = encodeScalars({ seconds: 1, step: 2 ** 40 + 5 }, {});
  assert.deepEqual([...bytes.subarray(9, 16)], [0x10, 0x85, 0x80, 0x80, 0x80, 0x80, 0x20]);
});
