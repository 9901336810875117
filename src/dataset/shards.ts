// The shard format: token sequences of one length as uint16, or uint32 where a vocabulary is larger, little-endian, after a header of 32
// bytes. A row is read by its number at one offset, so a dataset of any size is opened in no time and in no memory.

import { closeSync, fstatSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { basename, join } from "node:path";
import { UserError } from "../base/errors.ts";
import { FileDraft, hashFile, openForReading } from "../base/files/files.ts";
import { countOf } from "../base/printable.ts";
import { bytesOfId, type Ids, makeIds } from "../tokenizer/encoding/id-list.ts";

const magic = "CRAMSHRD";
const headerBytes = 32;
/** 2^19 sequences of 128 are 128 MiB. */
const sequencesPerFile = 1 << 19;
const bytesPerWrite = 1 << 20;
/** No model has more tokens. */
export const largestVocabulary = 1 << 20;

export interface ShardFile {
  readonly name: string;
  readonly sequences: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Magic, version (1 of uint16, 2 of uint32), sequence length, sequences; the rest is zero. */
function encodeHeader(sequenceLength: number, sequences: number, tokenBytes: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.write(magic, "latin1");
  header.writeUInt32LE(tokenBytes / 2, 8);
  header.writeUInt32LE(sequenceLength, 12);
  header.writeBigUInt64LE(BigInt(sequences), 16);
  return header;
}

const bytesOf = (rows: Ids): Buffer => Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength);

/** Ids as this machine has them to bytes as files do, or back, in place. */
function orderBytes(bytes: Buffer, tokenBytes: number): Buffer {
  if (endianness() === "LE") return bytes;
  return tokenBytes === 2 ? bytes.swap16() : bytes.swap32();
}

/** Shards of one part of a dataset while they are written: `part-00000.bin` and on, each under a temporary name until whole. */
export class ShardWriter {
  readonly files: ShardFile[] = [];
  sequences = 0;
  private readonly folder: string;
  private readonly part: string;
  private readonly length: number;
  private draft: FileDraft | undefined;
  private inFile = 0;
  private readonly tokenBytes: number;
  private readonly rows: Ids;
  private waiting = 0;

  constructor(folder: string, part: string, sequenceLength: number, vocabulary: number) {
    this.folder = folder;
    this.part = part;
    this.length = sequenceLength;
    this.tokenBytes = bytesOfId(vocabulary);
    const tokens = Math.ceil(bytesPerWrite / this.tokenBytes / sequenceLength) * sequenceLength;
    this.rows = makeIds(vocabulary, tokens);
  }

  /** Adds one sequence of the length given at the start. */
  add(sequence: ArrayLike<number>): void {
    this.rows.set(sequence, this.waiting);
    this.waiting += this.length;
    this.sequences++;
    this.inFile++;
    if (this.waiting === this.rows.length || this.inFile === sequencesPerFile) this.flush();
    if (this.inFile === sequencesPerFile) this.finishFile();
  }

  /** Writes what is left; gives the files, which are whole then. */
  close(): Pick<ShardWriter, "sequences" | "files"> {
    this.flush();
    this.finishFile();
    return { sequences: this.sequences, files: this.files };
  }

  /** Removes the file under way, where there is one: after a failure. */
  abandon(): void {
    this.draft?.abandon();
    this.draft = undefined;
  }

  private flush(): void {
    if (this.waiting === 0) return;
    if (this.draft === undefined) {
      this.draft = new FileDraft(join(this.folder, `${this.part}-${String(this.files.length).padStart(5, "0")}.bin`));
      this.draft.write(encodeHeader(this.length, 0, this.tokenBytes));
    }
    // Written anew from their beginning afterwards.
    this.draft.write(orderBytes(bytesOf(this.rows.subarray(0, this.waiting)), this.tokenBytes));
    this.waiting = 0;
  }

  /** The count in the header is written last, then the file gets its name. */
  private finishFile(): void {
    if (this.draft === undefined) return;
    const { path } = this.draft;
    this.draft.write(encodeHeader(this.length, this.inFile, this.tokenBytes), 0);
    this.draft.commit();
    this.draft = undefined;
    this.files.push({
      name: basename(path),
      sequences: this.inFile,
      bytes: headerBytes + this.inFile * this.length * this.tokenBytes,
      sha256: hashFile(path),
    });
    this.inFile = 0;
  }
}

/** Open shards of one part, read row by row. */
export class ShardReader {
  readonly sequences: number;
  private readonly length: number;
  private readonly folder: string;
  private readonly files: readonly ShardFile[];
  private readonly handles: number[] = [];
  private readonly vocabulary: number;
  private readonly row: Ids;

  /** Opens the files and checks header and length of each: E_SHARD_MISSING, E_SHARD_CUT, E_SHARD_MAGIC. */
  constructor(folder: string, files: readonly ShardFile[], sequenceLength: number, vocabulary: number) {
    this.folder = folder;
    this.files = files;
    this.length = sequenceLength;
    this.sequences = files.reduce((sum, file) => sum + file.sequences, 0);
    this.vocabulary = vocabulary;
    this.row = makeIds(vocabulary, sequenceLength);
    try {
      for (const file of files)
        this.handles.push(openShard(join(folder, file.name), file, sequenceLength, bytesOfId(vocabulary)));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Reads sequence `index` into `out` from `offset`. */
  read(index: number, out: Int32Array, offset: number): void {
    let at = index;
    let number = 0;
    while (at >= this.files[number]!.sequences) at -= this.files[number++]!.sequences;
    if (!this.readRows(number, at, this.row)) {
      throw cut(join(this.folder, this.files[number]!.name), `it ended within sequence ${at} while it was being read`);
    }
    out.set(this.row, offset);
  }

  /** Shows every sequence in turn, in an array that is reused. */
  visit(see: (tokens: Uint32Array, index: number) => void): void {
    const { length } = this;
    const tokens = new Uint32Array(length);
    const most = Math.max(1, Math.floor(2 ** 20 / this.row.byteLength));
    const rows = makeIds(this.vocabulary, most * length);
    let index = 0;
    for (const [number, { name, sequences }] of this.files.entries()) {
      for (let at = 0; at < sequences; at += most) {
        const wanted = rows.subarray(0, Math.min(most, sequences - at) * length);
        if (!this.readRows(number, at, wanted)) throw cut(join(this.folder, name), "it ended while it was being read");
        for (let start = 0; start < wanted.length; start += length) {
          tokens.set(wanted.subarray(start, start + length));
          see(tokens, index++);
        }
      }
    }
  }

  /** Reads ids from a sequence of a file on; false where it has fewer. */
  private readRows(number: number, sequence: number, into: Ids): boolean {
    const bytes = bytesOf(into);
    const count = readSync(this.handles[number]!, bytes, 0, bytes.length, headerBytes + sequence * this.row.byteLength);
    orderBytes(bytes, into.BYTES_PER_ELEMENT);
    return count === bytes.length;
  }

  /** Compares the hash of every file with the manifest's; `again` is asked for one that differs, before it is refused: E_SHARD_CHANGED. */
  verify(hash: (name: string) => string, again: (name: string) => string): void {
    for (const file of this.files) {
      const path = join(this.folder, file.name);
      if (hash(file.name) === file.sha256) continue;
      const seen = again(file.name);
      if (seen === file.sha256) continue;
      throw new UserError(
        "E_SHARD_CHANGED",
        `${path}: its content has the hash ${seen.slice(0, 16)}, the manifest says ${file.sha256.slice(0, 16)}`,
        "The file was damaged or changed; prepare the dataset again.",
      );
    }
  }

  close(): void {
    for (const handle of this.handles.splice(0)) closeSync(handle);
  }
}

/** Every sequence of a reader, which it closes. */
export function visitShards(shards: ShardReader, see: (tokens: Uint32Array, index: number) => void): void {
  try {
    shards.visit(see);
  } finally {
    shards.close();
  }
}

function cut(path: string, seen: string): UserError {
  return new UserError("E_SHARD_CUT", `${path}: ${seen}`, "The file was cut short; prepare the dataset again.");
}

function openShard(path: string, expected: ShardFile, sequenceLength: number, tokenBytes: number): number {
  let file: number;
  try {
    file = openForReading(path, "shard");
  } catch (cause) {
    if (!(cause instanceof UserError) || cause.code !== "E_FILE_MISSING") throw cause;
    throw new UserError("E_SHARD_MISSING", `${path}: no shard here`, "Prepare the dataset again.", { cause });
  }
  try {
    const { size } = fstatSync(file);
    const header = Buffer.alloc(headerBytes);
    if (size !== expected.bytes)
      throw cut(path, `it has ${countOf(size, "byte", String)}, the manifest says ${expected.bytes}`);
    readSync(file, header, 0, headerBytes, 0);
    if (!header.equals(encodeHeader(sequenceLength, expected.sequences, tokenBytes))) {
      throw new UserError(
        "E_SHARD_MAGIC",
        `${path}: not the shard of the manifest (begins ${header.subarray(0, 8).toString("hex")})`,
        "Another file was put in its place; prepare the dataset again.",
      );
    }
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}
