import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nearestNames, UserError } from "../errors.ts";
import {
  FileDraft,
  isPresent,
  listFolder,
  mostBytes,
  openForReading,
  readJson,
  readText,
  readWholeFile,
  writeFileAtomically,
  writeFully,
} from "./files.ts";
import { explainWriteFailure } from "./write-failure.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-files-"));
after(() => rmSync(folder, { recursive: true }));

test("a file is written whole, and nothing temporary stays", () => {
  const path = join(folder, "deep", "file.json");
  writeFileAtomically(path, "[1, 2]");
  writeFileAtomically(path, [Buffer.from("[1,"), Buffer.from(" 2, 3]")]);
  assert.deepEqual(readJson(path, "list"), [1, 2, 3]);
  assert.deepEqual(readdirSync(join(folder, "deep")), ["file.json"]);
});

test("a writer that fails half way leaves the old file", () => {
  const path = join(folder, "kept.txt");
  writeFileAtomically(path, "old");
  const parts = function* () {
    yield Buffer.from("new");
    throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  };
  assert.throws(
    () => writeFileAtomically(path, parts()),
    error => error instanceof UserError && error.code === "E_DISK_FULL" && error.message.includes(path),
  );
  assert.equal(readFileSync(path, "utf8"), "old");
  assert.deepEqual(
    readdirSync(folder).filter(name => name.endsWith(".writing")),
    [],
  );
});

test("two writers of one file share no draft, and none follows a link", () => {
  const own = join(folder, "drafts");
  const path = join(own, "file.json");
  const [first, second] = [new FileDraft(path), new FileDraft(path)];
  first.write(Buffer.from("first"));
  second.write(Buffer.from("second"));
  // What an earlier writer's draft was called.
  symlinkSync(join(folder, "kept.txt"), `${path}.writing`);
  second.commit();
  assert.equal(readFileSync(path, "utf8"), "second");
  first.write(Buffer.from("F"), 0);
  first.commit();
  assert.equal(readFileSync(path, "utf8"), "First");
  assert.equal(readFileSync(join(folder, "kept.txt"), "utf8"), "old");
  assert.deepEqual(readdirSync(own).sort(), ["file.json", "file.json.writing"]);
});

test("what a killed writer left is removed by the next, what a running one is writing is not", () => {
  const own = join(folder, "left");
  const ended = spawnSync(process.execPath, ["-e", ""]).pid;
  const running = new FileDraft(join(own, "running.json"));
  const [name] = readdirSync(own) as [string];
  writeFileSync(join(own, name.replace(String(process.pid), String(ended))), "left");
  // In another container the number may be a living process's: what was written today is believed, what is old is not.
  const elsewhere = `.cram-${ended}-0badcafe-0badcafe.writing`;
  const old = `.cram-${ended}-0badcafe-00000000.writing`;
  for (const draft of [elsewhere, old]) writeFileSync(join(own, draft), "left");
  utimesSync(join(own, old), 1e9, 1e9);
  writeFileSync(join(own, ".cram-notes.writing"), "a person's");
  writeFileAtomically(join(own, "file.json"), "new");
  running.commit();
  assert.deepEqual(readdirSync(own).sort(), [elsewhere, ".cram-notes.writing", "file.json", "running.json"].sort());
});

test("a name as long as a name can be is written, a longer one refused", () => {
  const longest = `${"x".repeat(250)}.json`;
  writeFileAtomically(join(folder, longest), "new");
  assert.equal(readFileSync(join(folder, longest), "utf8"), "new");
  const before = readdirSync(folder);
  assert.throws(
    () => writeFileAtomically(join(folder, `${longest}l`), "new"),
    (error: unknown) => error instanceof UserError && error.code === "E_NOT_WRITABLE",
  );
  assert.deepEqual(readdirSync(folder), before);
});

test("the system's own full disk is explained", { skip: process.platform !== "linux" }, () => {
  const file = openSync("/dev/full", "w");
  assert.throws(
    () => writeFully(file, Buffer.from("x")),
    error => (explainWriteFailure(error, "checkpoint") as UserError).code === "E_DISK_FULL",
  );
  closeSync(file);
});

test("whatever a disk answers that is not there any more, and a name that another program holds, is explained", () => {
  const codes = ["ESTALE", "ENOTCONN", "ETIMEDOUT", "EHOSTDOWN", "ENODEV", "ENXIO", "EIO", "EBUSY", "ETXTBSY"] as const;
  for (const code of codes) {
    const refused = Object.assign(new Error(`${code}: write`), { code, syscall: "write" });
    const explained = explainWriteFailure(refused, "shared/run");
    assert.ok(explained instanceof UserError && explained.code === "E_NOT_WRITABLE", code);
    assert.match(explained.message, new RegExp(`^shared/run: .* \\(${code}\\)$`));
  }
});

test("a place that cannot be written is an error a person can act on, and nothing is left there", () => {
  const occupied = join(folder, "occupied");
  writeFileAtomically(occupied, "a file");
  mkdirSync(join(folder, "taken"));
  symlinkSync("nowhere", join(folder, "dangling"));
  assert.throws(() => writeFileAtomically(join(folder, "dangling", "file.json"), "new"), {
    code: "E_NOT_WRITABLE",
    message: `${join(folder, "dangling")}: a symbolic link to nowhere, where nothing is (EEXIST)`,
  });
  const places = [
    [join(occupied, "below.json"), "a file stands where a folder should be"],
    [join(occupied, "further", "below.json"), "a file stands where a folder should be"],
    [join(folder, "taken"), "a folder stands where the file should be"],
    [join(folder, "x".repeat(300), "file.json"), "a name that is too long"],
  ] as const;
  const before = readdirSync(folder);
  for (const [path, seen] of places) {
    assert.throws(
      () => writeFileAtomically(path, "new"),
      (error: unknown) =>
        error instanceof UserError && error.code === "E_NOT_WRITABLE" && error.message.startsWith(`${path}: ${seen}`),
    );
  }
  assert.equal(readFileSync(occupied, "utf8"), "a file");
  assert.deepEqual(readdirSync(folder), before);
});

test("a pipe, a socket and a device are not replaced", { skip: process.platform === "win32" }, async t => {
  const own = join(folder, "special");
  mkdirSync(own);
  execFileSync("mkfifo", [join(own, "pipe.jsonl")]);
  symlinkSync("pipe.jsonl", join(own, "link.jsonl"));
  const server = createServer().listen(join(own, "socket.jsonl"));
  await once(server, "listening");
  t.after(() => server.close());
  const before = readdirSync(own);
  const places = ["pipe.jsonl", "link.jsonl", "socket.jsonl"].map(name => join(own, name));
  for (const path of [...places, "/dev/null", "/dev/stdout", "/dev/stderr"]) {
    assert.throws(
      () => new FileDraft(path).abandon(),
      (error: unknown) =>
        error instanceof UserError && error.code === "E_NOT_WRITABLE" && error.message.startsWith(`${path}: a pipe`),
    );
  }
  assert.deepEqual(readdirSync(own), before);
});

test("a place where the system makes no folders ends at once", { skip: process.platform !== "linux" }, () => {
  assert.throws(
    () => writeFileAtomically("/proc/cram/deep/file.json", "new"),
    (error: unknown) => error instanceof UserError && error.code === "E_NOT_WRITABLE",
  );
});

test("a folder that may not be written", { skip: process.getuid?.() === 0 && "root may write everywhere" }, () => {
  const closed = join(folder, "closed");
  mkdirSync(closed, { mode: 0o500 });
  assert.throws(
    () => writeFileAtomically(join(closed, "deep", "file.json"), "new"),
    (error: unknown) => error instanceof UserError && error.code === "E_NOT_WRITABLE",
  );
});

test("malformed and missing JSON name the file", () => {
  writeFileAtomically(join(folder, "bad.json"), "{");
  assert.throws(() => readJson(join(folder, "bad.json"), "manifest"), /bad\.json: not a manifest/);
  assert.throws(() => readJson(join(folder, "none.json"), "manifest"), /none\.json: no manifest here/);
  // As Node gives a name of Latin-1.
  const latin = Buffer.from("n\u00e4me.json", "latin1").toString();
  assert.throws(() => readJson(join(folder, latin), "manifest"), { code: "E_FILE_MISSING", advice: /not UTF-8/ });
});

/** Runs `read` as somebody who is not root, who may read everything. */
function readAsNobody(read: () => void): void {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid!(65_534);
  try {
    read();
  } finally {
    if (isRoot) process.seteuid!(0);
  }
}

test("what is no regular file is refused at once, and missing, forbidden, large and damaged are told apart", async () => {
  const place = join(folder, "odd");
  const at = (name: string) => join(place, name);
  mkdirSync(at("folder"), { recursive: true });
  chmodSync(folder, 0o755);
  execFileSync("mkfifo", [at("pipe")]);
  for (const device of ["zero", "random", "tty"]) symlinkSync(`/dev/${device}`, at(device));
  symlinkSync(at("nowhere"), at("dangling"));
  symlinkSync(at("folder"), at("linked"));
  symlinkSync(at("circle"), at("circle"));
  writeFileSync(at("large"), "");
  truncateSync(at("large"), mostBytes.ofJson + 1);
  writeFileSync(at("latin1"), Buffer.from([0x22, 0xe9, 0x22]));
  for (const [name, open] of [
    ["lists", "["],
    ["objects", '{"a":'],
  ] as const) {
    const close = open === "[" ? "]" : "}";
    writeFileSync(at(name), `${open.repeat(20_000)}1${close.repeat(20_000)}`);
  }
  writeFileSync(at("forbidden"), "1", { mode: 0 });
  mkdirSync(at("locked"), { mode: 0 });
  // No test that fails before its end keeps the process.
  const server = createServer().listen(at("socket")).unref();
  await new Promise(resolve => server.once("listening", resolve));
  const cases = {
    nothing: ["E_FILE_MISSING", /no recipe here/],
    dangling: ["E_FILE_MISSING", /a symbolic link to .*nowhere, where nothing is/],
    "linked/below": ["E_FILE_MISSING", /no recipe here/],
    folder: ["E_FILE_UNREADABLE", /a folder stands here/],
    pipe: ["E_FILE_UNREADABLE", /a pipe or a device/],
    socket: ["E_FILE_UNREADABLE", /a pipe or a device/],
    zero: ["E_FILE_UNREADABLE", /a pipe or a device/],
    random: ["E_FILE_UNREADABLE", /a pipe or a device/],
    tty: ["E_FILE_UNREADABLE", /a pipe or a device/],
    circle: ["E_FILE_UNREADABLE", /a circle/],
    "latin1/below": ["E_FILE_UNREADABLE", /a file stands where a folder should be/],
    forbidden: ["E_FILE_UNREADABLE", /may not be read/],
    "locked/recipe.json": ["E_FILE_UNREADABLE", /may not be read/],
    large: ["E_FILE_LARGE", /more than 16 MiB, which no recipe has/],
    latin1: ["E_UTF8", /not UTF-8/],
    lists: ["E_JSON", /nested more than 500 deep/],
    objects: ["E_JSON", /nested more than 500 deep/],
  } as const;
  for (const [name, [code, seen]] of Object.entries(cases)) {
    readAsNobody(() =>
      assert.throws(
        () => readJson(at(name), "recipe"),
        (error: unknown) =>
          error instanceof UserError &&
          error.code === code &&
          seen.test(error.message) &&
          error.message.startsWith(`${at(name)}: `) &&
          error.message.length < at(name).length + 200,
        name,
      ),
    );
  }
  server.close();
  readAsNobody(() => {
    assert.equal(isPresent(at("nothing"), "recipe"), false);
    assert.equal(isPresent(at("forbidden"), "recipe"), true);
    assert.deepEqual(listFolder(at("nothing"), "list"), []);
    assert.throws(() => isPresent(at("locked/recipe.json"), "recipe"), { code: "E_FILE_UNREADABLE" });
    assert.throws(() => listFolder(at("locked"), "list of runs"), { code: "E_FILE_UNREADABLE" });
    assert.throws(() => listFolder(at("latin1"), "list of runs"), { code: "E_FILE_UNREADABLE" });
  });
});

test("a file is read to its end whatever size the system names, with its byte order mark left out", () => {
  const path = join(folder, "marked.json");
  writeFileSync(path, '\ufeff{"a": [1]}');
  assert.deepEqual(readJson(path, "list"), { a: [1] });
  if (process.platform === "linux") assert.match(readText("/proc/self/status", "status"), /^Name:[\s\S]+ctxt_switches/);
  const bytes = Buffer.alloc(200_000, "abc");
  writeFileSync(path, bytes);
  assert.deepEqual(readWholeFile(path, "list", 200_000), bytes);
  assert.throws(() => readWholeFile(path, "list", 199_999), { code: "E_FILE_LARGE" });
  closeSync(openForReading(path, "list"));
});

test("nearest names come best first", () => {
  assert.deepEqual(nearestNames("learningrat", ["learningRate", "width", "layers"]), ["learningRate"]);
  assert.deepEqual(nearestNames("qqqqqqqq", ["learningRate", "width"]), []);
});
