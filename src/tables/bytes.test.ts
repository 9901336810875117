import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { readBytes, unpackBytes } from "./bytes.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-bytes-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** Incompressible and different everywhere, so that a lost or repeated piece shows. */
function noise(length: number): Buffer {
  let state = 1;
  return Buffer.from(Uint8Array.from({ length }, () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16));
}

const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

test("a file comes whole, whatever its size", async () => {
  for (const length of [0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3_000_000]) {
    const content = noise(length);
    assert.ok((await collect(readBytes(write("plain", content)))).equals(content), `${length} bytes`);
    assert.ok((await collect(readBytes(write("packed.gz", gzipSync(content))))).equals(content), `${length} packed`);
  }
});

test("the event loop turns while a long file is read", async () => {
  for (const source of [write("turns", noise(2_500_000)), write("turns.gz", gzipSync(noise(2_500_000)))]) {
    let turned = false;
    setImmediate(() => (turned = true));
    await collect(readBytes(source));
    assert.ok(turned, source);
  }
});

test("a gzip of several members is one text, wherever the pieces of the file end", async () => {
  const members = [gzipSync("first\n"), gzipSync(""), gzipSync("second\n")];
  const packed = Buffer.concat(members);
  assert.equal(String(await collect(readBytes(write("members.gz", packed)))), "first\nsecond\n");
  for (const size of [1, 2, 5, members[0]!.length, members[0]!.length + 1]) {
    assert.equal(
      String(await collect(unpackBytes(inPieces(packed, size), "x", "gzip"))),
      "first\nsecond\n",
      `pieces of ${size}`,
    );
  }
});

test("members of all sizes, packed well and badly, are one text", async () => {
  const contents = [0, 1, 3000, 65_000, 70_000, 300_000, 2_500_000].flatMap(length => [
    noise(length),
    Buffer.alloc(length, "ab"),
    Buffer.alloc(7, "c"),
  ]);
  const packed = Buffer.concat(contents.map(content => gzipSync(content)));
  for (const size of [60_001, packed.length]) {
    const read = await collect(unpackBytes(inPieces(packed, size), "x", "gzip"));
    assert.ok(read.equals(Buffer.concat(contents)), `pieces of ${size}`);
  }
});

test("a gzip cut anywhere but after a member is cut short", async () => {
  const first = gzipSync("first\n");
  const packed = Buffer.concat([first, gzipSync("second\n")]);
  for (let length = 0; length < packed.length; length++) {
    const source = write("cut.gz", packed.subarray(0, length));
    if (length === first.length) assert.equal(String(await collect(readBytes(source))), "first\n");
    else await assert.rejects(collect(readBytes(source)), fails("E_GZIP_CUT", source), `cut to ${length} bytes`);
  }
});

test("a long gzip that is cut says how far it came", async () => {
  const source = write("long.gz", gzipSync(noise(2_000_000)).subarray(0, 1_500_000));
  await assert.rejects(collect(readBytes(source)), (error: UserError) => {
    const bytes = Number(/after (\d+) bytes/.exec(error.message)![1]);
    return error.code === "E_GZIP_CUT" && bytes > 1_400_000 && bytes <= 1_500_000;
  });
});

test("a damaged gzip is named, in its data and in its checksum", async () => {
  const packed = gzipSync("some text ".repeat(100));
  for (const at of [12, packed.length - 6]) {
    const damaged = Buffer.from(packed);
    damaged[at]! ^= 0xff;
    const source = write("damaged.gz", damaged);
    await assert.rejects(collect(readBytes(source)), fails("E_GZIP", source), `byte ${at}`);
  }
});

test("what is no gzip, or has something else after it, is named", async () => {
  const plain = write("plain.gz", "just text");
  await assert.rejects(collect(readBytes(plain)), fails("E_GZIP", plain, "it does not begin as one"));
  const whole = gzipSync("text");
  for (const tail of ["garbage", "\0\0garbage", "\x1fgarbage"]) {
    const trailed = write("trailed.gz", Buffer.concat([whole, Buffer.from(tail)]));
    const seen = "a whole gzip of 4 bytes of content";
    await assert.rejects(collect(readBytes(trailed)), fails("E_GZIP_TAIL", trailed, seen), tail);
  }
  const padded = write("padded.gz", Buffer.concat([whole, Buffer.alloc(3_000_000)]));
  assert.equal(String(await collect(readBytes(padded))), "text");
});

test("a file that is gone or is a circle of links is named", async () => {
  for (const gzip of [false, true]) {
    const gone = join(folder, "gone");
    await assert.rejects(collect(readBytes(gone, gzip ? "gzip" : "none")), fails("E_FILE_MISSING", gone));
    const circle = join(folder, `circle-${gzip}`);
    symlinkSync(circle, circle);
    await assert.rejects(
      collect(readBytes(circle, gzip ? "gzip" : "none")),
      fails("E_FILE_UNREADABLE", circle, "ELOOP"),
    );
    await assert.rejects(
      collect(readBytes(folder, gzip ? "gzip" : "none")),
      fails("E_FILE_UNREADABLE", folder, "a folder stands here"),
    );
  }
});

test("a file that may not be read is named", { skip: process.platform === "win32" }, async () => {
  const source = write("closed", "text");
  chmodSync(folder, 0o755);
  chmodSync(source, 0);
  const isRoot = process.getuid!() === 0;
  if (isRoot) process.seteuid!(65534); // root may read everything
  try {
    await assert.rejects(collect(readBytes(source)), fails("E_FILE_UNREADABLE", source, "may not be read", "EACCES"));
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});

test("a reader that stops or fails leaves no file open", { skip: process.platform !== "linux" }, async () => {
  const openFiles = () =>
    readdirSync("/proc/self/fd").flatMap(file => {
      try {
        return [readlinkSync(`/proc/self/fd/${file}`)].filter(path => path.startsWith(folder));
      } catch {
        return []; // the listing's own
      }
    });
  const content = noise(5_000_000);
  const damaged = Buffer.from(gzipSync(content));
  damaged[2_000_000]! ^= 0xff;
  for (const source of [write("stopped", content), write("stopped.gz", gzipSync(content))]) {
    for await (const piece of readBytes(source)) {
      assert.ok(piece.length > 0);
      assert.deepEqual(openFiles(), [source]);
      break;
    }
    assert.deepEqual(openFiles(), [], "stopped");
    const failing = async () => {
      for await (const _ of readBytes(source)) throw new Error("the reader's own");
    };
    await assert.rejects(failing(), /the reader's own/);
    assert.deepEqual(openFiles(), [], "failed");
  }
  await assert.rejects(collect(readBytes(write("broken.gz", damaged))), fails("E_GZIP"));
  assert.deepEqual(openFiles(), [], "damaged");
});
