// A model whose large files lie in Xet's storage: sent there and fetched from there, whatever happens on the way.

import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { hasty, type Patience } from "../../src/base/patience.ts";
import { type Hub, openHub } from "../../src/hub/hub.ts";
import { pullRepository } from "../../src/hub/pull.ts";
import { type BytesDone, pushFolder } from "../../src/hub/push.ts";
import { type ModelHub, serveModels, storageToken } from "./model-hub.ts";

const token = "hf_secretSecret";
const root = mkdtempSync(join(tmpdir(), "cramming-xet-"));
const waits: number[] = [];
const patience: Patience = { ...hasty, wait: async seconds => void waits.push(seconds) };

/** What no compression makes smaller: three or four of Xet's chunks, which have 64 KiB in the mean. */
const model = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(240_000));
const repository = "me/mine";
let [server, hub]: [ModelHub?, Hub?] = [];
const source = join(root, "model");
before(async () => {
  server = await serveModels(token);
  hub = openHub(server.endpoint, token);
  mkdirSync(join(source, "onnx"), { recursive: true });
  writeFileSync(join(source, "config.json"), "{}\n");
  writeFileSync(join(source, "model.safetensors"), model);
  writeFileSync(join(source, "onnx/model.onnx"), Buffer.alloc(100_000));
});
after(() => {
  server!.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  server!.asked.length = server!.xet.asked.length = waits.length = 0;
  server!.refusals.clear();
});
const push = (options: object = {}) =>
  pushFolder(hub!, { folder: source, repository, isPrivate: true, patience, ...options });

test("large files go into Xet's storage, with its own token, and only once", async () => {
  let last: BytesDone | undefined;
  const seen = new Set<string>();
  const onBytes = (bytes: BytesDone) => {
    assert.ok(bytes.doing !== last?.doing || bytes.done >= last.done);
    last = bytes;
    if (bytes.doing === "sending") seen.add(`${Math.floor((10 * bytes.done) / bytes.total)}`);
  };
  assert.match(await push({ onBytes }), /\/me\/mine\/commit\/[0-9a-f]{40}$/);
  assert.deepEqual([last!.done, last!.total], [model.length + 100_003, model.length + 100_003]);
  assert.ok(seen.size > 2, "bytes are told while they are sent");
  // What cannot be compressed stands in a block as it is, a chunk behind its header.
  const sent = [...server!.xet.xorbs.values()].reduce((sum, { length }) => sum + length, 0);
  assert.ok(sent > model.length && sent < model.length + 5000, `${sent}`);
  assert.deepEqual(new Set(server!.asked.map(({ authorization }) => authorization)), new Set([`Bearer ${token}`]));
  const storage = new Set(server!.xet.asked.map(({ authorization }) => authorization));
  assert.deepEqual(storage, new Set([`Bearer ${storageToken}`]));
  server!.xet.asked.length = 0;
  await push({ revision: "v2" });
  assert.deepEqual(server!.xet.asked, []);
  assert.deepEqual([...server!.branches.keys()], [`${repository} main`, `${repository} v2`]);
});

test("they come from there, on behind what came where the connection breaks", async () => {
  for (const [folder, times, after] of [
    ["whole", 0, 0],
    ["broken", 3, 50_000],
  ] as const) {
    server!.xet.breaks = { times, after };
    const target = join(root, folder);
    await pullRepository(hub!, { repository, folder: target, patience });
    assert.ok(readFileSync(join(target, "model.safetensors")).equals(model), folder);
    assert.ok(readFileSync(join(target, "onnx/model.onnx")).equals(Buffer.alloc(100_000)));
    for (const { path, authorization } of server!.xet.asked)
      assert.equal(authorization, path.startsWith("/block/") ? undefined : `Bearer ${storageToken}`, path);
  }
});

test("what may pass is tried again, and what does not is told without the token", async () => {
  const batch = `/${repository}.git/info/lfs/objects/batch`;
  const commit = `/api/models/${repository}/commit/main`;
  server!.refusals.set(batch, [503, 429]).set(commit, [502]);
  await push();
  assert.equal(waits.length, 3);
  for (const [status, code] of [
    [401, "E_HUB_TOKEN"],
    [404, "E_HUB"],
    [413, "E_HUB"],
  ] as const) {
    server!.refusals.set(batch, [status]);
    await assert.rejects(
      push(),
      (error: unknown) =>
        error instanceof UserError &&
        error.code === code &&
        error.message.includes(`objects/batch: refused with ${status}`) &&
        !error.message.includes(token),
    );
  }
  server!.refusals.set(batch, new Array<number>(9).fill(500));
  await assert.rejects(push(), { code: "E_HUB", message: /refused with 500.*tried 4 times/ });
});

test("a file whose blocks are damaged, or are not there, is not kept", async () => {
  const [hash, xorb] = [...server!.xet.xorbs].find(([, { length }]) => length > 150_000)!;
  const damaged = Buffer.from(xorb);
  damaged[1000]! ^= 1;
  for (const [name, block, seen] of [
    ["damaged", damaged, /came changed/],
    ["cut", xorb.subarray(0, 100_000), /model\.safetensors/],
  ] as const) {
    server!.xet.xorbs.set(hash, block);
    const folder = join(root, name);
    await assert.rejects(pullRepository(hub!, { repository, folder, patience }), { code: "E_HUB", message: seen });
    assert.throws(() => readFileSync(join(folder, "model.safetensors")));
  }
  server!.xet.xorbs.set(hash, xorb);
});
