// Push and pull against a hub on this machine: it answers as huggingface.co does, storage of large files on a port of its own,
// and keeps what it is sent. Hashes are those of Git and of FIPS 180, written down.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { hasty, type Patience } from "../base/patience.ts";
import { checkRepository, type Hub, openHub } from "./hub.ts";
import { pullRepository } from "./pull.ts";
import { type BytesDone, pushFolder } from "./push.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-hub-"));
const token = "hf_secretSecret";
const abcHash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const helloBlob = "ce013625030ba8dba906f756967f9e9ca394464a";

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly length: string | undefined;
  readonly body: string;
}
type Answer = { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown };

const asked: Asked[] = [];
/** By method and path; set by each test. */
let answers: Readonly<Record<string, (asked: Asked) => Answer>> = {};

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  return body;
}
const serve = (): Server =>
  createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    const { authorization, "content-length": length } = request.headers;
    const seen = { method, url, authorization, length, body: await readBody(request) };
    asked.push(seen);
    const { status = 200, headers = {}, body = "" } = answers[`${method} ${url}`]?.(seen) ?? { status: 404 };
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  });
const servers = [serve(), serve()];
let hub: Hub;
let storage: string;
before(async () => {
  for (const server of servers) await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const [own, other] = servers.map(server => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  hub = openHub(`${own}/`, token);
  storage = other!;
});
beforeEach(() => {
  asked.length = 0;
});
after(() => {
  for (const server of servers) server.close().closeAllConnections();
  rmSync(folder, { recursive: true });
});

const waits: number[] = [];
const patience: Patience = { ...hasty, wait: async seconds => void waits.push(seconds) };
const isError = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof UserError && error.code === code && message.test(error.message) && !error.message.includes(token);

test("a folder becomes one commit: small files in it, large ones in the storage, known ones not sent", async () => {
  const source = join(folder, "model");
  mkdirSync(join(source, "onnx"), { recursive: true });
  const files = {
    "config.json": "hello\n",
    "model.safetensors": "abc",
    "onnx/model.onnx": "0123456789",
    "onnx/known.onnx": "known",
    ".hidden": "no",
    "half.writing": "no",
  };
  for (const [path, content] of Object.entries(files)) writeFileSync(join(source, path), content);
  const repository = "me/mine";
  answers = {
    "POST /api/repos/create": () => ({ status: 409 }),
    [`POST /api/models/${repository}/preupload/main`]: ({ body }) => ({
      body: {
        files: (JSON.parse(body) as { files: { path: string }[] }).files.map(({ path }) => ({
          path,
          uploadMode: path === "config.json" ? "regular" : "lfs",
        })),
      },
    }),
    [`POST /${repository}.git/info/lfs/objects/batch`]: ({ body }) => ({
      body: {
        objects: (JSON.parse(body) as { objects: { oid: string; size: number }[] }).objects.map(({ oid, size }) => {
          if (size === 5) return { oid };
          if (size === 3) return { oid, actions: { upload: { href: `${storage}/basic` } } };
          const header = { chunk_size: "4", "00001": `${storage}/1`, "00002": `${storage}/2`, "00003": `${storage}/3` };
          return { oid, actions: { upload: { href: `${storage}/complete`, header } } };
        }),
      },
    }),
    "PUT /basic": () => ({}),
    "PUT /1": () => ({ headers: { ETag: "one" } }),
    "PUT /2": () => ({ headers: { ETag: "two" } }),
    "PUT /3": () => ({ headers: { ETag: "three" } }),
    "POST /complete": () => ({}),
    [`POST /api/models/${repository}/commit/main`]: () => ({ body: { commitUrl: "the commit" } }),
  };
  const last: Partial<Record<BytesDone["doing"], BytesDone>> = {};
  const options = {
    ...{ folder: source, repository, isPrivate: true, patience },
    onBytes: (bytes: BytesDone) => {
      assert.ok(bytes.done >= (last[bytes.doing]?.done ?? 0));
      last[bytes.doing] = bytes;
    },
  };
  assert.equal(await pushFolder(hub, options), "the commit");
  // 3, 10 and 5 bytes for the storage, which has the last, and 6 in the commit.
  assert.deepEqual([last.hashing!.done, last.sending!.done, last.sending!.total], [18, 24, 24]);
  const bodyOf = (url: string) => asked.find(one => one.url === url)!.body;
  assert.deepEqual(JSON.parse(bodyOf("/api/repos/create")), {
    ...{ name: "mine", organization: "me", type: "model", visibility: "private" },
  });
  assert.deepEqual([bodyOf("/basic"), bodyOf("/1"), bodyOf("/2"), bodyOf("/3")], ["abc", "0123", "4567", "89"]);
  assert.deepEqual(
    (JSON.parse(bodyOf("/complete")) as { parts: object[] }).parts,
    [1, 2, 3].map((partNumber, i) => ({ partNumber, etag: ["one", "two", "three"][i] })),
  );
  const lines = asked
    .at(-1)!
    .body.split("\n")
    .map(line => JSON.parse(line) as { key: string; value: { path: string; content?: string; oid?: string } });
  assert.deepEqual(
    lines.map(({ key, value }) => [key, value.path]),
    [
      ["header", undefined],
      ["file", "config.json"],
      ["lfsFile", "model.safetensors"],
      ["lfsFile", "onnx/known.onnx"],
      ["lfsFile", "onnx/model.onnx"],
    ],
  );
  assert.equal(Buffer.from(lines[1]!.value.content!, "base64").toString(), "hello\n");
  assert.equal(lines[2]!.value.oid, abcHash);
  // The hub is told who asks, the storage is not; and it takes nothing whose length is not told.
  for (const { url, authorization, length, body } of asked) {
    const isStorage = /^\/(basic|\d|complete)$/.test(url);
    assert.equal(length, String(body.length), url);
    assert.equal(authorization, isStorage ? undefined : `Bearer ${token}`, url);
  }
});

/** A repository of the given files, all of them small, in pages of one. */
function offer(
  repository: string,
  files: Readonly<Record<string, { content: string; oid: string; lfs?: object }>>,
): void {
  const entries = Object.entries(files).map(([path, { content, oid, lfs }]) => ({
    ...{ type: "file", path, size: content.length, oid, ...(lfs && { lfs }) },
  }));
  const tree = `/api/models/${repository}/tree/main?recursive=true`;
  const page = (i: number) => (i === 0 ? tree : `${tree}&cursor=${i}`);
  answers = Object.fromEntries([
    ...entries.map((entry, i) => [
      `GET ${page(i)}`,
      () => ({
        body: [entry, { type: "directory", path: "onnx", size: 0, oid: "" }],
        ...(i + 1 < entries.length && { headers: { Link: `<${hub.endpoint}${page(i + 1)}>; rel="next"` } }),
      }),
    ]),
    ...Object.entries(files).map(([path, { content }]) => [
      `GET /${repository}/resolve/main/${path}`,
      () => ({ body: content }),
    ]),
  ]);
}

test("a repository becomes a folder, every file compared with its hash, and nothing is fetched twice", async () => {
  const target = join(folder, "pulled");
  offer("me/mine", {
    "config.json": { content: "hello\n", oid: helloBlob },
    "onnx/model.onnx": { content: "abc", oid: "of the pointer", lfs: { oid: abcHash, size: 3 } },
  });
  const counted: string[] = [];
  const onBytes = ({ path, done, total }: BytesDone) => counted.push(`${path} ${done}/${total}`);
  assert.deepEqual(await pullRepository(hub, { repository: "me/mine", folder: target, onBytes, patience }), [
    "config.json",
    "onnx/model.onnx",
  ]);
  assert.deepEqual(counted, ["config.json 6/9", "onnx/model.onnx 9/9"]);
  assert.equal(readFileSync(join(target, "config.json"), "utf8"), "hello\n");
  assert.equal(readFileSync(join(target, "onnx/model.onnx"), "utf8"), "abc");
  writeFileSync(join(target, "config.json"), "jello\n");
  asked.length = 0;
  await pullRepository(hub, { repository: "me/mine", folder: target, patience });
  assert.deepEqual(
    asked.map(({ url }) => url).filter(url => url.includes("resolve")),
    ["/me/mine/resolve/main/config.json"],
  );
  assert.equal(readFileSync(join(target, "config.json"), "utf8"), "hello\n");
});

test("cram pull and cram push do so, and print no token", async () => {
  const cram = async (...words: string[]) => {
    const main = join(import.meta.dirname, "../cli/main.js");
    const environment = { ...process.env, HF_TOKEN: token, HF_ENDPOINT: hub.endpoint };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, ...words], { env: environment });
    assert.ok(!`${stdout}${stderr}`.includes(token));
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const target = join(folder, "by-verb");
  offer("me/mine", { "config.json": { content: "hello\n", oid: helloBlob } });
  mkdirSync(target);
  writeFileSync(join(target, "model.safetensors"), "abc");
  const pulled = await cram("pull", "me/mine", "--out", target, "--json");
  assert.deepEqual(pulled, { folder: target, files: ["config.json"] });
  assert.equal(readFileSync(join(target, "config.json"), "utf8"), "hello\n");
  answers = {
    "POST /api/repos/create": () => ({}),
    "POST /api/models/me/new/preupload/main": () => ({
      body: { files: ["config.json", "model.safetensors"].map(path => ({ path, uploadMode: "regular" })) },
    }),
    "POST /api/models/me/new/commit/main": ({ authorization }) =>
      authorization === `Bearer ${token}` ? { body: { commitUrl: "the commit" } } : { status: 401 },
  };
  const pushed = await cram("push", target, "me/new", "--json");
  assert.deepEqual(pushed, { repository: "me/new", commit: "the commit" });
});

test("a file that comes changed is not kept", async () => {
  const target = join(folder, "changed");
  offer("me/mine", { "config.json": { content: "jello\n", oid: helloBlob } });
  await assert.rejects(
    pullRepository(hub, { repository: "me/mine", folder: target, patience }),
    isError("E_HUB", /config\.json: came changed/),
  );
  assert.ok(!existsSync(target));
});

test("a path that leads out of the folder is refused before anything is written", async () => {
  for (const path of ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "C:evil", "a//b", "."]) {
    offer("me/mine", { "config.json": { content: "hello\n", oid: helloBlob }, [path]: { content: "x", oid: "x" } });
    const target = join(folder, "outside");
    await assert.rejects(
      pullRepository(hub, { repository: "me/mine", folder: target, patience }),
      isError("E_HUB", /outside the folder/),
      path,
    );
    assert.ok(!readdirSync(folder).includes("outside"));
  }
});

test("refusals say what the hub said, without the token", async () => {
  const pull = () => pullRepository(hub, { repository: "me/mine", folder: join(folder, "refused"), patience });
  const tree = "GET /api/models/me/mine/tree/main?recursive=true";
  answers = { [tree]: () => ({ status: 401, body: `bad token ${token}` }) };
  await assert.rejects(pull(), isError("E_HUB_TOKEN", /refused with 401: bad token …$/));
  answers = {};
  await assert.rejects(pull(), isError("E_HUB", /refused with 404/));
  answers = { [tree]: () => ({ body: "<html>" }) };
  await assert.rejects(pull(), isError("E_HUB", /not an answer of a hub/));
  const nobody = openHub("http://127.0.0.1:1", token);
  await assert.rejects(
    pullRepository(nobody, { repository: "me/mine", folder: join(folder, "refused"), patience }),
    isError("E_HUB", /127\.0\.0\.1:1: cannot be reached/),
  );
});

test("names and endpoints", () => {
  for (const name of ["me", "me/", "/mine", "me/mine/more", "../mine", "me/..", "me/mi ne", "me/mine?x", ".me/mine"]) {
    assert.throws(() => checkRepository(name), isError("E_OPTION", /no name/), name);
  }
  assert.equal(checkRepository("me-2/mine_v1.0"), "me-2/mine_v1.0");
  for (const address of ["huggingface.co", "ftp://huggingface.co", "http://huggingface.co", ""]) {
    assert.throws(() => openHub(address, token), isError("E_OPTION", /no address/), address);
  }
  assert.equal(openHub("https://huggingface.co/", token).endpoint, "https://huggingface.co");
  assert.equal(openHub("http://mirror.example", undefined).endpoint, "http://mirror.example");
});

/** Answers that a hub never gives, each ended by itself at 64 MB so that a broken bound ends the test, too. */
test("answers without an end, of another size, or that are no addresses, end a pull", async () => {
  const endless = (): Readable => {
    let sent = 0;
    return new Readable({
      read() {
        sent += 65_536;
        this.push(sent > 64e6 ? null : Buffer.alloc(65_536, 0x20));
      },
    });
  };
  const entry = (path: string, size = 5) => ({ type: "file", path, size, oid: helloBlob });
  const link = (to: string) => ({ Link: `<${to}>; rel="next"` });
  let pages = 0;
  type Routes = Readonly<Record<string, (response: ServerResponse) => void>>;
  const tree = "/api/models/me/mine/tree/main?recursive=true";
  const file = "/me/mine/resolve/main/config.json";
  const json =
    (value: unknown, headers = {}) =>
    (response: ServerResponse) => {
      response.writeHead(200, headers).end(JSON.stringify(value));
    };
  const cases: Readonly<Record<string, readonly [Routes, RegExp]>> = {
    "a body longer than listed": [
      { [tree]: json([entry("config.json")]), [file]: response => endless().pipe(response) },
      /more than 5 bytes came/,
    ],
    "a packed body": [
      {
        [tree]: json([entry("config.json")]),
        [file]: response => response.writeHead(200, { "Content-Encoding": "gzip" }).end(gzipSync(Buffer.alloc(9e6))),
      },
      /more than 5 bytes came/,
    ],
    "a list without an end": [{ [tree]: response => endless().pipe(response) }, /more than 1048576 bytes/],
    "a refusal without an end": [{ [tree]: response => endless().pipe(response.writeHead(401)) }, /refused with 401/],
    "a page that is its own next": [{ [tree]: json([], link(tree)) }, /no end/],
    "pages without an end": [
      { "/next": response => json([], link(`/next?${++pages}`))(response), [tree]: json([], link("/next?0")) },
      /no end/,
    ],
    "a next that is no address": [{ [tree]: json([], link("http://[")) }, /no address/],
    "a next of another kind": [{ [tree]: json([], link("file:///etc/passwd")) }, /no address/],
    "a name that steers the terminal": [{ [tree]: json([entry("\u001b]0;x\u0007")]) }, /\\u001b/],
  };
  let routes: Routes = {};
  const server = createServer((request, response) => {
    response.on("error", () => {});
    const route = routes[request.url!] ?? routes[request.url!.split("?")[0]!];
    if (route === undefined) response.writeHead(404).end();
    else route(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const hostile = openHub(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, token);
  for (const [name, [wanted, seen]] of Object.entries(cases)) {
    routes = wanted;
    const target = join(folder, name);
    await assert.rejects(
      pullRepository(hostile, { repository: "me/mine", folder: target, patience }),
      (error: unknown) => error instanceof UserError && seen.test(error.message) && error.message.length < 1000,
      name,
    );
    assert.deepEqual(existsSync(target) ? readdirSync(target) : [], [], name);
  }
  server.closeAllConnections();
  server.close();
});

test("nothing hidden is pulled, no link is followed, and a folder without a model is not pushed", async () => {
  const target = join(folder, "linked");
  const elsewhere = join(folder, "elsewhere");
  mkdirSync(target);
  mkdirSync(elsewhere);
  const hello = { content: "hello\n", oid: helloBlob };
  offer("me/mine", {
    ".git/hooks/post-checkout": hello,
    "node_modules/.bin/cram": hello,
    ".gitattributes": hello,
    "config.json": hello,
  });
  assert.deepEqual(await pullRepository(hub, { repository: "me/mine", folder: target, patience }), ["config.json"]);
  assert.deepEqual(readdirSync(target), ["config.json"]);
  symlinkSync(elsewhere, join(target, "onnx"));
  offer("me/mine", { "onnx/model.onnx": hello });
  await assert.rejects(
    pullRepository(hub, { repository: "me/mine", folder: target, patience }),
    isError("E_HUB", /a link stands in its way/),
  );
  assert.deepEqual(readdirSync(elsewhere), []);
  rmSync(join(target, "config.json"));
  writeFileSync(join(elsewhere, "precious"), "precious");
  symlinkSync(join(elsewhere, "precious"), join(target, "config.json"));
  offer("me/mine", { "config.json": hello });
  await pullRepository(hub, { repository: "me/mine", folder: target, patience });
  assert.equal(readFileSync(join(elsewhere, "precious"), "utf8"), "precious");
  asked.length = 0;
  await assert.rejects(
    pushFolder(hub, { folder: target, repository: "me/mine", isPrivate: true }),
    isError("E_FILE_MISSING", /no model here/),
  );
  assert.deepEqual(asked, []);
});
