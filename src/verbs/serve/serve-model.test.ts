// A model over HTTP: what OpenAI's clients send and read, and that nobody else asks, or asks for too much.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { embed } from "../model/embed.ts";
import type { Model } from "../model/open-model.ts";
import { openModelServer } from "./model-server.ts";
import { serve } from "./serve-model.ts";

const root = mkdtempSync(join(tmpdir(), "cram-serve-"));
const run = join(root, "run");
await writeTinyRun(run, ["the", "red", "fox", "owl", "sleeps"], ["train.precision=f32"]);
const faults: unknown[] = [];
const options = { backend: "reference", port: 0, onFault: (error: unknown) => void faults.push(error) } as const;
const server = await serve(run, options);
after(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
  url = server.url,
): Promise<Answer> {
  const answer = await fetch(new URL(path, url), {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const faultOf = ({ status, body }: Answer) => [status, (body.error as { message: string }).message] as const;

test("vectors are those of embed with length 1, as numbers and in base64, with the tokens that were read", async () => {
  const input = ["the red fox", "owl sleeps"];
  const expected = (await embed(run, input, { backend: "reference" })).map(vector => {
    const length = Math.hypot(...vector);
    return vector.map(value => value / length);
  });
  const { status, body } = await post("/v1/embeddings", { input, model: "run" });
  assert.equal(status, 200);
  const data = body.data as { index: number; object: string; embedding: number[] }[];
  assert.deepEqual(
    data.map(({ index, object }) => [index, object]),
    [
      [0, "embedding"],
      [1, "embedding"],
    ],
  );
  data.forEach(({ embedding }, i) => {
    embedding.forEach((value, axis) => void assert.ok(Math.abs(value - expected[i]![axis]!) < 1e-6));
    assert.equal(embedding.length, 16);
  });
  // Three words and the separator, two words and the separator.
  assert.deepEqual(body.usage, { prompt_tokens: 7, total_tokens: 7 });
  const packed = await post("/v1/embeddings", { input: input[0], encoding_format: "base64" });
  const bytes = Buffer.from((packed.body.data as { embedding: string }[])[0]!.embedding, "base64");
  assert.deepEqual(
    Array.from({ length: 16 }, (_, axis) => bytes.readFloatLE(4 * axis)),
    data[0]!.embedding,
  );
});

test("masks are filled, and the model is listed", async () => {
  const { status, body } = await post("/v1/fill-mask", { input: "the [MASK] sleeps", top: 2 });
  assert.equal(status, 200);
  const [{ masks }] = body.data as [{ masks: { candidates: unknown[] }[] }];
  assert.equal(masks[0]!.candidates.length, 2);
  const listed = await fetch(new URL("/v1/models", server.url));
  assert.deepEqual(await listed.json(), { object: "list", data: [{ id: "run", object: "model" }] });
  const head = await fetch(new URL("/v1/models", server.url), { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

test("what is wrong with a request is said, and is no fault of the server", async () => {
  assert.deepEqual(faultOf(await post("/v1/embeddings", { input: "x", model: "gpt" }))[0], 404);
  assert.match(faultOf(await post("/v1/embeddings", { input: "x", colour: 1 }))[1], /colour/);
  // OpenAI's clients may send numbers of tokens.
  for (const input of [undefined, null, 5, [], [5], [[5, 6]], ["x", null], Array(2049).fill("x")]) {
    for (const path of ["/v1/embeddings", "/v1/fill-mask"])
      assert.deepEqual(faultOf(await post(path, { input })), [
        400,
        "input: a text, or a list of 1 to 2048 texts, is wanted; numbers of tokens are not read",
      ]);
  }
  assert.equal(faultOf(await post("/v1/embeddings", { input: "x", dimensions: 8 }))[0], 400);
  assert.equal(faultOf(await post("/v1/embeddings", "{"))[0], 400);
  const long = await post("/v1/embeddings", { input: "the red fox owl ".repeat(8) });
  const { code, message } = long.body.error as { code: string; message: string };
  assert.deepEqual([long.status, code], [400, "E_TEXT_LENGTH"]);
  assert.match(message, /trained on \d+\. Shorten it, or send "truncate": true, which keeps its beginning\.$/);
  assert.equal((await post("/v1/embeddings", { input: "the red fox owl ".repeat(8), truncate: true })).status, 200);
  assert.equal((await post("/v1/fill-mask", { input: "no mask" })).status, 400);
  assert.equal((await post("/v2/embeddings", {})).status, 404);
  for (const [path, method, allowed] of [
    ["/v1/embeddings", "GET", "POST"],
    ["/v1/fill-mask", "PUT", "POST"],
    ["/v1/models", "POST", "GET, HEAD"],
  ] as const) {
    const { status, headers } = await fetch(new URL(path, server.url), { method });
    assert.deepEqual([status, headers.get("allow")], [405, allowed], path);
  }
  assert.equal((await post("/v1/embeddings", "input=x", { "Content-Type": "text/plain" })).status, 415);
  assert.equal((await post("/v1/embeddings", `"${"x".repeat(2 ** 20)}"`)).status, 413);
  assert.deepEqual(faults, []);
});

test("who goes away in the middle of a request is no fault of the server", async () => {
  const headers = { "Content-Type": "application/json", "Content-Length": 100 };
  const asked = request(new URL("/v1/embeddings", server.url), { method: "POST", headers });
  const gone = new Promise<void>(resolve => void asked.on("error", () => {}).on("close", resolve));
  asked.write('{"input":', () => asked.destroy());
  await gone;
  await setTimeout(50);
  assert.equal((await post("/v1/embeddings", { input: "the" })).status, 200);
  assert.deepEqual(faults, []);
});

test("of more requests than may wait, one is told so and the others are answered", { timeout: 20_000 }, async () => {
  const gate = new EventEmitter();
  const released = once(gate, "open");
  const model = {
    name: "slow",
    width: 1,
    sequenceLength: 8,
    countTokens: (given: readonly string[]) => given.map(() => 1),
  };
  const slow = await openModelServer({
    ...{ ...options, host: "127.0.0.1", token: undefined },
    model: { ...model, embed: () => released.then(() => [Float32Array.of(1)]) } as unknown as Model,
  });
  try {
    const asked = Array.from({ length: 65 }, () => post("/v1/embeddings", { input: "x" }, {}, slow.url));
    assert.equal((await Promise.race(asked)).status, 429);
    gate.emit("open");
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    assert.equal(statuses.filter(status => status === 200).length, 64);
  } finally {
    gate.emit("open");
    slow.close();
  }
});

test("other sites and other names are refused, and a public address needs a token", async () => {
  assert.equal((await post("/v1/embeddings", { input: "x" }, { "Sec-Fetch-Site": "cross-site" })).status, 403);
  const renamed = await new Promise<number>(resolve => {
    request(server.url, { headers: { Host: "evil.example" } }, answer => resolve(answer.statusCode!)).end();
  });
  assert.equal(renamed, 403);
  await assert.rejects(serve(run, { ...options, host: "0.0.0.0" }), { code: "E_TOKEN" });
  const token = "0123456789abcdef";
  const guarded = await serve(run, { ...options, token });
  try {
    const refused = await fetch(new URL("/v1/models", guarded.url));
    assert.deepEqual([refused.status, refused.headers.get("www-authenticate")], [401, "Bearer"]);
    assert.equal((await post("/v1/embeddings", { input: "the" }, {}, guarded.url)).status, 401);
    const shown = { Authorization: `Bearer ${token}` };
    assert.equal((await post("/v1/embeddings", { input: "the" }, shown, guarded.url)).status, 200);
  } finally {
    await guarded.close();
  }
});
