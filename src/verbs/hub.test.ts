// Push and pull as a program calls them: with whose token, of which revision, and what they say meanwhile.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { openOwnHub } from "../hub/hub.ts";
import { pull, push } from "../library.ts";

let folder: string;
const { HF_TOKEN: token, HF_HOME: home } = process.env;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cram-own-hub-"));
  delete process.env.HF_TOKEN;
  process.env.HF_HOME = folder;
});
afterEach(() => {
  for (const [name, value] of Object.entries({ HF_TOKEN: token, HF_HOME: home })) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  rmSync(folder, { recursive: true });
});

test("a stored login is for Hugging Face's hub alone, and HF_TOKEN goes before it", () => {
  const hubs = ["https://huggingface.co/", "https://hub.example", "https://huggingface.co.example"];
  const tokens = () => hubs.map(endpoint => openOwnHub(endpoint).token);
  assert.deepEqual(tokens(), [undefined, undefined, undefined]);
  writeFileSync(join(folder, "token"), "hf_stored\n");
  assert.deepEqual(tokens(), ["hf_stored", undefined, undefined]);
  process.env.HF_TOKEN = "hf_given";
  assert.deepEqual(tokens(), ["hf_given", "hf_given", "hf_given"]);
});

const notRoot = process.getuid?.() !== 0 && "only root may become a user that is in no list";

test("a user without a home, as of a container, has no login", { skip: notRoot }, () => {
  const words = [
    `const { openOwnHub } = await import(${JSON.stringify(new URL("../hub/hub.js", import.meta.url).href)});`,
    "process.setuid(54321);",
    "console.log(openOwnHub().token);",
  ];
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", words.join("\n")], {
    encoding: "utf8",
    env: { PATH: process.env.PATH },
  });
  assert.equal(stdout, "undefined\n", stderr);
});

test("what stands where files are pulled to is told, whatever it is", async () => {
  // The hash that Git gives "hello\n".
  const entries = ["config.json", "onnx/model.onnx"].map(path => ({
    ...{ type: "file", path, size: 6, oid: "ce013625030ba8dba906f756967f9e9ca394464a" },
  }));
  const server = createServer(({ url }, response) => {
    response.end(url!.startsWith("/api/") ? JSON.stringify(entries) : "hello\n");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = (name: string) => join(folder, name);
  writeFileSync(at("file"), "mine");
  symlinkSync("loop", at("loop"));
  symlinkSync("nowhere", at("dangling"));
  for (const name of ["under a file", "under a loop"]) mkdirSync(at(name));
  writeFileSync(at("under a file/onnx"), "mine");
  symlinkSync("onnx", at("under a loop/onnx"));
  try {
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const places = [
      "file",
      "file/below",
      "loop",
      "loop/below",
      "dangling",
      "under a file",
      "under a loop",
      "n".repeat(300),
    ];
    for (const place of places) {
      await assert.rejects(
        pull("me/mine", { endpoint, out: at(place) }),
        { name: "UserError", code: /^E_(NOT_WRITABLE|OUTPUT_OTHER|FILE_UNREADABLE|FILE_MISSING)$/ },
        place,
      );
    }
    assert.equal(readFileSync(at("file"), "utf8"), "mine");
  } finally {
    server.close().closeAllConnections();
  }
});

test("a revision is pulled without a token, and nothing is pushed without one", async () => {
  writeFileSync(join(folder, "token"), "hf_stored\n");
  // The hash that Git gives "hello\n".
  const entry = { type: "file", path: "config.json", size: 6, oid: "ce013625030ba8dba906f756967f9e9ca394464a" };
  const answers: Readonly<Record<string, string>> = {
    "/api/models/me/mine/tree/v2?recursive=true": JSON.stringify([entry]),
    "/me/mine/resolve/v2/config.json": "hello\n",
  };
  const shown: (string | undefined)[] = [];
  const server = createServer(({ url, headers }, response) => {
    shown.push(headers.authorization);
    response.writeHead(answers[url!] === undefined ? 404 : 200).end(answers[url!]);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const out = join(folder, "pulled");
    const told: string[] = [];
    const pulled = await pull("me/mine", { endpoint, out, revision: "v2", onProgress: text => told.push(text) });
    assert.deepEqual(pulled, { repository: "me/mine", folder: out, files: ["config.json"] });
    assert.equal(readFileSync(join(out, "config.json"), "utf8"), "hello\n");
    assert.match(told.at(-1)!, /^fetching config\.json: 100 %/);
    await assert.rejects(push(out, "me/mine", { endpoint }), { code: "E_HUB_TOKEN" });
    assert.deepEqual(shown, [undefined, undefined]);
  } finally {
    server.close().closeAllConnections();
  }
});
