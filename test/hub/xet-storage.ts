// Xet's storage on this machine, by its published protocol (huggingface.co/docs/xet): it keeps blocks of chunks and the shards that say
// of which chunks a file is, and tells what to fetch for a file. test/golden/scripts/check-xet.py has Hugging Face's own client in
// Python send to it and fetch from it.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

interface Term {
  readonly hash: string;
  readonly unpacked_length: number;
  readonly range: { readonly start: number; readonly end: number };
}

export interface XetStorage {
  readonly url: string;
  /** Blocks by their hash, as they were sent. */
  readonly xorbs: Map<string, Buffer>;
  /** Of a file with this SHA-256, the hash by which it is fetched. */
  readonly files: Map<string, string>;
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[];
  /** Connections that deliver blocks end after so many bytes, this often. */
  breaks: { times: number; readonly after: number };
  close(): void;
}

const headerBytes = 8;

/** Where each chunk of a block begins, and where the last ends. */
function findChunks(xorb: Buffer): number[] {
  const starts = [0];
  for (let at = 0; at + headerBytes <= xorb.length; ) {
    const isChunk = xorb[at] === 0;
    if (!isChunk) break; // Python's client puts an index behind the chunks
    at += headerBytes + xorb.readUIntLE(at + 1, 3);
    starts.push(at);
  }
  return starts;
}

/** Hashes are four little-endian words. */
const readHash = (bytes: Buffer, at: number) =>
  [0, 8, 16, 24]
    .map(word =>
      bytes
        .readBigUInt64LE(at + word)
        .toString(16)
        .padStart(16, "0"),
    )
    .join("");

/** Of a shard's first section: each file's hash, its SHA-256, and its terms. */
function* readShard(shard: Buffer): Generator<{ hash: string; sha: string; terms: Term[] }> {
  const entryBytes = 48;
  for (let at = entryBytes; !shard.subarray(at, at + 32).every(byte => byte === 0xff); ) {
    const hash = readHash(shard, at);
    const [flags, count] = [shard.readUInt32LE(at + 32), shard.readUInt32LE(at + 36)];
    at += entryBytes;
    const terms = Array.from({ length: count }, (_, i) => {
      const entry = shard.subarray(at + i * entryBytes);
      const range = { start: entry.readUInt32LE(40), end: entry.readUInt32LE(44) };
      return { hash: readHash(entry, 0), unpacked_length: entry.readUInt32LE(36), range };
    });
    at += count * entryBytes * ((flags & 0x80000000) === 0 ? 1 : 2);
    const hasSha = (flags & 0x40000000) !== 0;
    yield { hash, sha: hasSha ? readHash(shard, at) : "", terms };
    if (hasSha) at += entryBytes;
  }
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export async function serveXet(): Promise<XetStorage> {
  const terms = new Map<string, Term[]>();
  const server = createServer(async (request, response) => {
    const path = request.url!.split("?")[0]!;
    storage.asked.push({ path, authorization: request.headers.authorization });
    const json = (value: unknown) => response.setHeader("Content-Type", "application/json").end(JSON.stringify(value));
    const [, kind, hash] = /^\/v[12]\/(xorbs\/default|reconstructions|shards)\/?(.*)$/.exec(path) ?? [];
    const [, block] = /^\/block\/(.*)$/.exec(path) ?? [];
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const body = await readAll(request);
    if (kind === "xorbs/default") {
      storage.xorbs.set(hash!, body);
      json({ was_inserted: true });
    } else if (kind === "shards") {
      for (const file of readShard(body)) {
        terms.set(file.hash, file.terms);
        storage.files.set(file.sha, file.hash);
      }
      // The second version of the answer is lines that say how far it is.
      json({ type: "result", result: 1 });
    } else if (kind === "reconstructions" && terms.has(hash!)) {
      const told = reconstruct(storage, terms.get(hash!)!, Number(start ?? 0), path.startsWith("/v1"));
      if (told === undefined) response.writeHead(416).end();
      else json(told);
    } else if (block !== undefined) {
      const wanted = storage.xorbs.get(block)!.subarray(Number(start), Number(end) + 1);
      const range = `bytes ${start}-${end}/${storage.xorbs.get(block)!.length}`;
      response.writeHead(206, { "Content-Range": range, "Content-Length": wanted.length });
      if (storage.breaks.times-- > 0)
        response.write(wanted.subarray(0, storage.breaks.after), () => response.destroy());
      else response.end(wanted);
    } else response.writeHead(404).end();
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const storage: XetStorage = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    xorbs: new Map(),
    files: new Map(),
    asked: [],
    breaks: { times: 0, after: 0 },
    close: () => server.close().closeAllConnections(),
  };
  return storage;
}

/** From the term on in which byte `start` of the file is; undefined where it has no such byte. */
function reconstruct({ url, xorbs }: XetStorage, all: readonly Term[], start: number, isOld: boolean): unknown {
  let [first, before] = [0, 0];
  while (first < all.length && before + all[first]!.unpacked_length <= start) before += all[first++]!.unpacked_length;
  if (first === all.length) return undefined;
  const terms = all.slice(first);
  const entries = terms.map(({ hash, range }) => {
    const starts = findChunks(xorbs.get(hash)!);
    const bytes = { start: starts[range.start]!, end: starts[range.end]! - 1 };
    return { hash, url: `${url}/block/${hash}?signature=secret`, chunks: range, bytes };
  });
  const group = <T>(make: (entry: (typeof entries)[number]) => T) =>
    Object.fromEntries(
      [...new Set(entries.map(({ hash }) => hash))].map(hash => [hash, entries.filter(e => e.hash === hash).map(make)]),
    );
  const told = { offset_into_first_range: start - before, terms };
  return isOld
    ? { ...told, fetch_info: group(({ url: at, chunks, bytes }) => ({ url: at, range: chunks, url_range: bytes })) }
    : { ...told, xorbs: group(({ url: at, chunks, bytes }) => ({ url: at, ranges: [{ chunks, bytes }] })) };
}
