// Against a server on this machine that keeps to MLflow's documentation: the limits of log-batch, its errors, and that equal
// metrics are one, as its database stores them.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { UserError } from "../base/errors.ts";
import type { TrainingEvent } from "../events/event.ts";
import { EventLog } from "../events/event-log.ts";
import { checkTrackingUri, type Metric } from "./mlflow-client.ts";
import { MlflowLog, type MlflowPace } from "./mlflow-log.ts";

interface ServedRun {
  readonly name: string;
  readonly began: number;
  status: string;
  ended: number | undefined;
  readonly params: Map<string, string>;
  /** By all that tells one from another. */
  readonly metrics: Map<string, Metric>;
}
interface Body {
  readonly [key: string]: unknown;
  readonly name: string;
  readonly run_id: string;
  readonly metrics?: Metric[];
  readonly params?: { key: string; value: string }[];
}

const experiments = new Map<string, string>();
const runs = new Map<string, ServedRun>();
const authorizations: (string | undefined)[] = [];
const asked: string[] = [];
/** Metrics, those it had already too. */
let received = 0;
/** What it does instead of answering. */
let trouble: "none" | "down" | "silent" | "forbidden" | "endless" | "dripping" = "none";
/** Bytes of answers that have no end. */
let poured = 0;

const refuse = (status: number, error_code: string) => ({ status, body: { error_code, message: "as documented" } });
const find = <T>(value: T | undefined, use: (value: T) => object) =>
  value === undefined ? refuse(404, "RESOURCE_DOES_NOT_EXIST") : { status: 200, body: use(value) };

function answer(path: string, query: URLSearchParams, body: Body): { status: number; body: object } {
  if (path === "experiments/get-by-name") {
    const id = experiments.get(query.get("experiment_name")!);
    return find(id, experiment_id => ({ experiment: { experiment_id } }));
  }
  if (path === "experiments/create") {
    if (experiments.has(body.name)) return refuse(400, "RESOURCE_ALREADY_EXISTS");
    experiments.set(body.name, `${experiments.size + 1}`);
    return { status: 200, body: { experiment_id: experiments.get(body.name)! } };
  }
  if (path === "runs/create") {
    const run_id = `run${runs.size}`;
    assert.ok([...experiments.values()].includes(body.experiment_id as string));
    const began = body.start_time as number;
    const made = { name: body.run_name as string, began, status: "RUNNING", ended: undefined };
    runs.set(run_id, { ...made, params: new Map(), metrics: new Map() });
    return { status: 200, body: { run: { info: { run_id } } } };
  }
  return find(runs.get(body.run_id), run => {
    if (path === "runs/update") {
      run.status = body.status as string;
      run.ended = body.end_time as number | undefined;
      return {};
    }
    assert.equal(path, "runs/log-batch");
    const { metrics = [], params = [] } = body;
    assert.ok(metrics.length <= 1000 && params.length <= 100 && metrics.length + params.length <= 1000);
    for (const { key, value } of params) {
      assert.ok(key.length <= 250 && value.length <= 500 && (run.params.get(key) ?? value) === value);
      run.params.set(key, value);
    }
    received += metrics.length;
    for (const metric of metrics) {
      assert.match(metric.key, /^[\w./ -]{1,250}$/);
      assert.ok(Number.isFinite(metric.value) && Number.isInteger(metric.timestamp) && Number.isInteger(metric.step));
      run.metrics.set(JSON.stringify([metric.key, metric.timestamp, metric.step, metric.value]), metric);
    }
    return {};
  });
}

async function readBody(request: IncomingMessage): Promise<Body> {
  let text = "";
  for await (const part of request.setEncoding("utf8")) text += part;
  assert.ok(text.length < 1 << 20);
  return JSON.parse(text === "" ? "{}" : text) as Body;
}

/** Blanks, which may stand before any JSON, as fast as they are taken, or one every few milliseconds. */
function pour(response: ServerResponse, bytes: number): void {
  const more = () => {
    if (response.destroyed) return;
    poured += bytes;
    if (response.write(" ".repeat(bytes))) setTimeout(more, bytes === 1 ? 5 : 0);
    else response.once("drain", more);
  };
  more();
}

const server = createServer(async (request, response) => {
  if (trouble === "silent") return;
  if (trouble === "endless" || trouble === "dripping") return pour(response, trouble === "endless" ? 1 << 16 : 1);
  const { pathname, searchParams } = new URL(request.url!, "http://x");
  authorizations.push(request.headers.authorization);
  const path = pathname.replace("/api/2.0/mlflow/", "");
  asked.push(path);
  const body = await readBody(request);
  const { status, body: content } =
    trouble === "down"
      ? refuse(503, "TEMPORARILY_UNAVAILABLE")
      : trouble === "forbidden"
        ? refuse(403, "PERMISSION_DENIED")
        : answer(path, searchParams, body);
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(content));
});

const folder = mkdtempSync(join(tmpdir(), "cram-mlflow-"));
let uri: string;
before(async () => {
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  trouble = "none";
  experiments.clear();
  runs.clear();
  authorizations.length = 0;
  asked.length = 0;
  received = 0;
});
after(() => {
  server.close().closeAllConnections();
  rmSync(folder, { recursive: true });
});

const stepEvent = (step: number, loss = 10 / step): TrainingEvent => ({
  kind: "step",
  ...{ step, loss, progress: step / 1e4, elapsedSeconds: step / 2, gradientNorm: 1.5, learningRate: 0.001 },
  ...{ batchSequences: 4, tokens: 100 * step, stepSeconds: 0.5, skipped: false },
});
const validation = (step: number): TrainingEvent => ({
  kind: "validation",
  ...{ step, progress: step / 1e4, elapsedSeconds: step / 2, loss: 8 },
});
const steps = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => stepEvent(from + i));
const quick: MlflowPace = {
  ...{ secondsBetweenLooks: 0.01, longestPauseSeconds: 0.02, requestSeconds: 10, closingSeconds: 20 },
};
const nobody = { MLFLOW_TRACKING_TOKEN: "", MLFLOW_TRACKING_USERNAME: "", MLFLOW_TRACKING_PASSWORD: "" };

/** A run of this name with its events, which may be appended to. */
function open(
  name: string,
  given: {
    lastStep?: number;
    warnings?: string[];
    environment?: NodeJS.ProcessEnv;
    params?: Map<string, string>;
    elapsedSeconds?: number;
    experiment?: string | undefined;
    pace?: MlflowPace;
  } = {},
) {
  const { lastStep, warnings = [], environment = nobody, params = new Map(), elapsedSeconds = 0, pace = quick } = given;
  // One that is said to be undefined is left out.
  const { experiment } = { experiment: "mine & yours", ...given };
  const run = join(folder, name);
  mkdirSync(run, { recursive: true });
  const events = new EventLog(join(run, "events.jsonl"), lastStep);
  const clock = { seconds: () => 0, date: () => new Date(1_700_000_000_000 + 1000 * elapsedSeconds) };
  const log = new MlflowLog(
    { uri: `${uri}/`, experiment, environment },
    { run, params, tokensPerSequence: 128, elapsedSeconds, clock, warn: text => warnings.push(text) },
    pace,
  );
  return { events, log, warnings, run };
}
const append = (events: EventLog, ...all: readonly TrainingEvent[]) => {
  for (const event of all) events.append(event);
};
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 5));
}
const lossesOf = (run: ServedRun) =>
  [...run.metrics.values()].filter(({ key }) => key === "loss/training").map(({ step }) => step);

test("a run with its parameters and every step, while it trains", async () => {
  const params = new Map(Array.from({ length: 230 }, (_, i) => [`section.value${i}`, "v".repeat(3 * i)] as const));
  const { events, log, warnings } = open("whole", { params });
  append(events, validation(0), ...steps(1, 400), stepEvent(401, Number.NaN));
  await until(() => runs.get("run0")?.metrics.size === 1 + 7 * 400 + 6);
  append(events, ...steps(402, 403), validation(403));
  events.close();
  await log.close("FINISHED");
  const run = runs.get("run0")!;
  assert.deepEqual([run.name, run.status, run.ended, run.began], ["whole", "FINISHED", 1.7e12, 1.7e12]);
  assert.deepEqual([...experiments.keys()], ["mine & yours"]);
  assert.deepEqual([run.params.size, run.params.get("section.value9")], [230, "v".repeat(27)]);
  assert.deepEqual(
    lossesOf(run),
    [...Array(403).keys()].map(i => i + 1).filter(step => step !== 401),
  );
  const at = (key: string, step: number) =>
    [...run.metrics.values()].filter(metric => metric.key === key && metric.step === step);
  // Two steps a second from the begin on; 4 sequences of 128 in half a second.
  assert.deepEqual(at("loss/training", 4), [{ key: "loss/training", value: 2.5, timestamp: 1.7e12 + 2000, step: 4 }]);
  assert.equal(at("speed/tokens per second", 4)[0]!.value, 1024);
  assert.deepEqual(
    [0, 403].map(step => at("loss/validation", step).length),
    [1, 1],
  );
  assert.deepEqual(warnings, []);
});

test("a resumed run is the same run, with no step twice", async () => {
  const first = open("resumed");
  append(first.events, validation(0), ...steps(1, 20));
  first.events.close();
  await first.log.close("KILLED");
  assert.equal(runs.get("run0")!.status, "KILLED");
  // Killed after step 20 with a checkpoint of step 12: steps 13 to 20 are trained again, an hour later.
  const second = open("resumed", { lastStep: 12, elapsedSeconds: 6, experiment: undefined });
  await until(() => runs.get("run0")!.status === "RUNNING");
  append(second.events, ...steps(13, 30), validation(30));
  second.events.close();
  await second.log.close("FINISHED");
  assert.equal(runs.size, 1);
  const run = runs.get("run0")!;
  assert.deepEqual(
    lossesOf(run),
    [...Array(30).keys()].map(i => i + 1),
  );
  assert.deepEqual([run.metrics.size, received], [7 * 30 + 2, 7 * 30 + 2]);
  assert.equal(run.status, "FINISHED");
});

test("a server that is gone: one warning, and everything when it is back", async () => {
  trouble = "down";
  const { events, log, warnings } = open("away");
  append(events, ...steps(1, 5));
  await until(() => asked.length > 3);
  assert.equal(runs.size, 0);
  trouble = "none";
  append(events, ...steps(6, 9));
  await until(() => runs.get("run0") !== undefined);
  events.close();
  await log.close("FINISHED");
  assert.equal(lossesOf(runs.get("run0")!).length, 9);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0]!, /503 TEMPORARILY_UNAVAILABLE: as documented; training goes on, it is tried again/);
  assert.match(warnings[1]!, /has everything now/);
});

test("what is missing when training ends is said, and sent at resume", async () => {
  trouble = "silent";
  const first = open("missed", { pace: { ...quick, requestSeconds: 0.05 } });
  append(first.events, ...steps(1, 5));
  first.events.close();
  await first.log.close("FINISHED");
  assert.match(first.warnings[0]!, /did not answer in time/);
  assert.match(first.warnings[1]!, /up to step 0; .*cram pretrain --resume .*missed --mlflow http/);
  trouble = "none";
  const second = open("missed", { lastStep: 5 });
  second.events.close();
  await second.log.close("FINISHED");
  assert.deepEqual(lossesOf(runs.get("run0")!), [1, 2, 3, 4, 5]);
  assert.deepEqual(second.warnings, []);
});

test("answers without an end are cut in size and in time, said once, and cost the training nothing", async () => {
  poured = 0;
  trouble = "endless";
  const endless = open("endless", { pace: { ...quick, requestSeconds: 20 } });
  append(endless.events, ...steps(1, 5));
  await until(() => endless.warnings.length === 1);
  assert.match(endless.warnings[0]!, /more than 1048576 bytes came; training goes on, nothing more is sent/);
  // What stood in sockets beside it.
  assert.ok(poured < 2 ** 24, `${poured} bytes`);
  endless.events.close();
  await endless.log.close("FINISHED");
  trouble = "dripping";
  const dripping = open("dripping", { pace: { ...quick, requestSeconds: 0.1, closingSeconds: 0.3 } });
  append(dripping.events, ...steps(1, 5));
  await until(() => dripping.warnings.length === 1);
  assert.match(dripping.warnings[0]!, /did not answer in time; training goes on, it is tried again/);
  dripping.events.close();
  const start = performance.now();
  await dripping.log.close("FINISHED");
  assert.ok(performance.now() - start < 3000);
});

test("a refusal is said once and not repeated", async () => {
  trouble = "forbidden";
  const { events, log, warnings } = open("forbidden");
  append(events, ...steps(1, 5));
  await until(() => warnings.length === 1);
  events.close();
  await log.close("FINISHED");
  assert.deepEqual(asked, ["experiments/get-by-name"]);
  assert.match(warnings[0]!, /403 PERMISSION_DENIED: as documented; training goes on, nothing more is sent/);
  assert.match(warnings[1]!, /the rest is in events.jsonl/);
});

test("a run that the server has forgotten is begun anew, with everything", async () => {
  const first = open("forgotten");
  append(first.events, ...steps(1, 3));
  first.events.close();
  await first.log.close("KILLED");
  runs.set("other", runs.get("run0")!);
  runs.delete("run0");
  runs.set("another", runs.get("other")!);
  const second = open("forgotten", { lastStep: 3 });
  append(second.events, stepEvent(4));
  second.events.close();
  await second.log.close("FINISHED");
  assert.deepEqual(lossesOf(runs.get("run2")!), [1, 2, 3, 4]);
});

test("who asks is told as MLflow's client does, and stands in no file and no warning", async () => {
  const secret = "s3cret";
  const asks = async (name: string, environment: NodeJS.ProcessEnv) => {
    authorizations.length = 0;
    trouble = "none";
    const { events, log, warnings, run } = open(name, { environment });
    await until(() => existsSync(join(run, "mlflow.json")));
    trouble = "down";
    append(events, stepEvent(1));
    events.close();
    await log.close("FINISHED");
    assert.ok(warnings.length > 0 && !warnings.join().includes(secret));
    assert.ok(!readFileSync(join(run, "mlflow.json"), "utf8").includes(secret));
    return [...new Set(authorizations)];
  };
  assert.deepEqual(await asks("token", { MLFLOW_TRACKING_TOKEN: secret }), [`Bearer ${secret}`]);
  const both = { MLFLOW_TRACKING_USERNAME: "me", MLFLOW_TRACKING_PASSWORD: secret, MLFLOW_TRACKING_TOKEN: "x" };
  // "me:s3cret", by hand.
  assert.deepEqual(await asks("basic", both), ["Basic bWU6czNjcmV0"]);
  assert.deepEqual(await asks("nobody", {}), [undefined]);
});

test("an address that is none, or that holds a password, is refused without showing it", () => {
  const refused = (text: string) =>
    assert.throws(
      () => checkTrackingUri(text),
      (error: unknown) => error instanceof UserError && error.code === "E_OPTION" && !error.message.includes("s3cret"),
      text,
    );
  for (const text of ["", "localhost", "file:///x", "databricks://me:s3cret@host", "http://me:s3cret@host/"])
    refused(text);
  assert.equal(checkTrackingUri("https://host:5000/prefix/?x=1"), "https://host:5000/prefix");
});
