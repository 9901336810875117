import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../base/errors.ts";
import { EventLog } from "./event-log.ts";
import { readEvents } from "./event-reader.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-events-"));
after(() => rmSync(folder, { recursive: true }));

const line = (step: number) => `{"kind":"checkpoint","step":${step},"elapsedSeconds":1,"path":"x"}\n`;
const write = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test("what a killed process was writing is left out, whether it parses or not", () => {
  const path = write("torn.jsonl", line(1) + line(2));
  for (const rest of ['{"kind":"st', line(3).trimEnd(), "\0\0\0"]) {
    writeFileSync(path, line(1) + line(2) + rest);
    assert.deepEqual(
      readEvents(path).map(({ step }) => step),
      [1, 2],
    );
  }
  new EventLog(path, 1).close();
  assert.equal(readFileSync(path, "utf8"), line(1));
});

test("a bad line anywhere else is an error that names it, and the file stays as it is", () => {
  for (const bad of ['{"kind":"st', "null", "[]", '{"step":1}', "\0\0\0"]) {
    const text = `${line(1)}${bad}\n${line(2)}`;
    const path = write("bad.jsonl", text);
    const isRefused = (error: unknown) =>
      error instanceof UserError &&
      error.code === "E_EVENTS" &&
      /bad\.jsonl:2: not (JSON|an event)/.test(error.message);
    assert.throws(() => readEvents(path), isRefused);
    assert.throws(() => new EventLog(path, 2), isRefused);
    assert.equal(readFileSync(path, "utf8"), text);
    writeFileSync(path, line(1));
    appendFileSync(path, `${bad}\n`);
    assert.throws(() => readEvents(path), isRefused);
  }
});

test("lines that stay are the bytes they were, what a later version wrote with the event before it", () => {
  const later = (name: string) => `{"kind":"novel","note":"${name}"}\n`;
  const withMore = line(1).replace("}", ', "more": [1.50]}');
  const path = write("later.jsonl", withMore + later("a") + line(2) + later("b"));
  new EventLog(path, 1).close();
  assert.equal(readFileSync(path, "utf8"), withMore + later("a"));
});

test("a log that is removed while it is open stands whole again at the next checkpoint", () => {
  const path = join(mkdtempSync(join(tmpdir(), "cram-events-")), "events.jsonl");
  const log = new EventLog(path, undefined);
  const event = (step: number) => ({ kind: "checkpoint", step, elapsedSeconds: step, path: "" }) as const;
  log.append({ kind: "validation", step: 1, progress: 0, elapsedSeconds: 0, loss: 1 });
  rmSync(path);
  log.append(event(2));
  log.append(event(3));
  log.close();
  assert.deepEqual(
    readEvents(path).map(({ step }) => step),
    [1, 2, 3],
  );
  rmSync(dirname(path), { recursive: true });
});
