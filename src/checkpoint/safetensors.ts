// The safetensors format: eight bytes of header length, a JSON header padded to a multiple of 8, then the tensors' bytes,
// little-endian, without holes. The header and the file's length are checked before any value is used, and a value that is no
// number is refused. Float32 and bytes are written; other people's files may also hold halves, which are read, and integers, which are
// listed.

import { createHash } from "node:crypto";
import { closeSync, fstatSync, readSync } from "node:fs";
import { UserError } from "../base/errors.ts";
import { openForReading, streamFileAtomically, writeFileAtomically } from "../base/files/files.ts";
import { explainReadFailure } from "../base/files/read-failure.ts";
import { countOf } from "../base/printable.ts";
import { countElements, type Shape } from "../graph/tensor.ts";
import { type HeaderEntry, HeaderFault, maxHeaderBytes, parseHeader, quoteName } from "./safetensors-header.ts";

/** A tensor outside the device. Its values are fetched when asked for: a model and its moments need never be held at once. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: Shape;
  /** What it is stored as; F32 unless said. */
  readonly type?: string;
  read(): Float32Array;
}

/** A tensor that may still stand on a device: its values come when asked for, at once or later. */
export interface HeldTensor extends Omit<StoredTensor, "read"> {
  read(): Float32Array | Promise<Float32Array>;
}

/**
 * Writes float32 tensors, in the order given. The same tensors and metadata give the same bytes. Returns the file's SHA-256.
 * UserErrors: E_NOT_FINITE for a value that is no number, before the file gets its name; E_DISK_FULL, E_NOT_WRITABLE.
 */
export function writeSafetensors(path: string, tensors: readonly StoredTensor[], metadata: Metadata = {}): string {
  const hash = createHash("sha256");
  const parts = function* () {
    yield* encodeHeader(tensors, metadata);
    for (const tensor of tensors) yield encodeValues(path, tensor, tensor.read());
  };
  const hashed = function* () {
    for (const part of parts()) {
      hash.update(part);
      yield part;
    }
  };
  writeFileAtomically(path, hashed());
  return hash.digest("hex");
}

/** The same of tensors whose values may come later. */
export async function saveSafetensors(
  path: string,
  tensors: readonly HeldTensor[],
  metadata: Metadata = {},
): Promise<string> {
  const hash = createHash("sha256");
  const parts = async function* () {
    yield* encodeHeader(tensors, metadata);
    for (const tensor of tensors) yield encodeValues(path, tensor, await tensor.read());
  };
  const hashed = async function* () {
    for await (const part of parts()) {
      hash.update(part);
      yield part;
    }
  };
  await streamFileAtomically(path, hashed());
  return hash.digest("hex");
}

type Metadata = Readonly<Record<string, string>>;

/** The length of the header, and the header. */
function encodeHeader(tensors: readonly HeldTensor[], metadata: Metadata): readonly [Uint8Array, Uint8Array] {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, type } of tensors) {
    const bytes = countElements(shape) * (type === "U8" ? 1 : 4);
    header[name] = { dtype: type === "U8" ? "U8" : "F32", shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, " ");
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return [length, padded];
}

function encodeValues(path: string, { name, shape, type }: HeldTensor, values: Float32Array): Uint8Array {
  if (values.length !== countElements(shape)) throw new Error(`tensor ${name}: ${values.length} values for its shape`);
  if (type === "U8") return Uint8Array.from(values);
  checkFinite(path, name, values);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Zero times anything is zero, unless it is infinite or no number: the sum says it of all of them at once. */
function checkFinite(path: string, name: string, values: Float32Array): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  if (sum === 0) return;
  const place = values.findIndex(value => !Number.isFinite(value));
  throw new UserError(
    "E_NOT_FINITE",
    `${path}: tensor ${quoteName(name)} has the value ${values[place]} at ${place}`,
    "A model with a parameter that is no number computes nothing: take an older checkpoint, or train it again.",
  );
}

/**
 * Lists the tensors named in `expected`, which must all be there with these shapes; without it, all of them. The header and
 * the file's length are checked now, values are read from the file when asked for. UserErrors: E_CHECKPOINT_DAMAGED,
 * E_CHECKPOINT_TENSOR; of values E_NOT_FINITE. Those of the names in `bytes` are U8, and no others may be.
 */
export function readSafetensors(
  path: string,
  expected?: ReadonlyMap<string, Shape>,
  bytes: ReadonlySet<string> = new Set(),
): Map<string, StoredTensor> {
  const file = openForReading(path, "checkpoint");
  try {
    const { entries, bodyStart } = readHeader(file, path);
    const names = expected === undefined ? [...entries.keys()] : [...expected.keys()];
    const tensors = new Map<string, StoredTensor>();
    for (const name of names) {
      const entry = entries.get(name);
      if (entry === undefined) throw damaged("E_CHECKPOINT_TENSOR", path, `tensor ${quoteName(name)} is missing`);
      const shape = expected?.get(name);
      if (shape !== undefined && shape.join() !== entry.shape.join()) {
        const shapes = `shape [${entry.shape.join(", ")}], and the model's has [${shape.join(", ")}]`;
        throw damaged("E_CHECKPOINT_TENSOR", path, `tensor ${quoteName(name)} has ${shapes}`);
      }
      if (bytes.has(name) && entry.dtype !== "U8") {
        throw damaged(
          "E_CHECKPOINT_TENSOR",
          path,
          `tensor ${quoteName(name)} has type ${entry.dtype}, where U8 is read`,
        );
      }
      const read = () => (bytes.has(name) ? readBytes : readValues)(path, name, entry, bodyStart);
      tensors.set(name, { name, shape: entry.shape, ...(entry.dtype !== "F32" && { type: entry.dtype }), read });
    }
    return tensors;
  } finally {
    closeSync(file);
  }
}

function readValues(path: string, name: string, { dtype, shape, data_offsets }: HeaderEntry, bodyStart: number) {
  if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") {
    const types = `type ${dtype}, where F32, F16 or BF16 is read`;
    throw damaged("E_CHECKPOINT_TENSOR", path, `tensor ${quoteName(name)} has ${types}`);
  }
  const count = countElements(shape);
  const stored = dtype === "F32" ? new Float32Array(count) : new Uint16Array(count);
  readBody(path, new Uint8Array(stored.buffer), bodyStart + data_offsets[0]);
  const values =
    stored instanceof Float32Array ? stored : dtype === "BF16" ? widenBfloats(stored) : widenHalves(stored);
  checkFinite(path, name, values);
  return values;
}

function readBytes(path: string, _: string, { shape, data_offsets }: HeaderEntry, bodyStart: number) {
  const stored = new Uint8Array(countElements(shape));
  readBody(path, stored, bodyStart + data_offsets[0]);
  return Float32Array.from(stored);
}

function readBody(path: string, into: Uint8Array, position: number): void {
  const file = openForReading(path, "checkpoint");
  try {
    readExactly(file, path, into, position);
  } finally {
    closeSync(file);
  }
}

const widenBfloats = (stored: Uint16Array) => new Float32Array(Uint32Array.from(stored, half => half << 16).buffer);

/** IEEE 754 binary16 to float32, exactly: sign, five bits of exponent, ten of fraction. */
function widenHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, half => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
  });
}

function readHeader(file: number, path: string): { entries: Map<string, HeaderEntry>; bodyStart: number } {
  const fileBytes = fstatSync(file).size;
  const prefix = Buffer.alloc(8);
  if (fileBytes < 8)
    throw damaged(
      "E_CHECKPOINT_DAMAGED",
      path,
      `it is ${countOf(fileBytes, "byte", String)} long, shorter than its prefix`,
    );
  readExactly(file, path, prefix, 0);
  const headerBytes = Number(prefix.readBigUInt64LE());
  if (headerBytes > fileBytes - 8 || headerBytes > maxHeaderBytes) {
    const lengths = `its header should have ${headerBytes} bytes, the file has ${fileBytes}`;
    throw damaged("E_CHECKPOINT_DAMAGED", path, lengths);
  }
  const header = Buffer.alloc(headerBytes);
  readExactly(file, path, header, 8);
  const bodyStart = 8 + headerBytes;
  try {
    return { entries: parseHeader(header, fileBytes - bodyStart), bodyStart };
  } catch (error) {
    if (error instanceof HeaderFault) throw damaged("E_CHECKPOINT_DAMAGED", path, error.message);
    throw error;
  }
}

function readExactly(file: number, path: string, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.byteLength; ) {
    let count: number;
    try {
      count = readSync(file, into, done, Math.min(into.byteLength - done, 1 << 30), position + done);
    } catch (cause) {
      throw explainReadFailure(cause, path, "checkpoint");
    }
    if (count === 0) throw damaged("E_CHECKPOINT_DAMAGED", path, "it ended while it was being read");
    done += count;
  }
}

function damaged(code: "E_CHECKPOINT_TENSOR" | "E_CHECKPOINT_DAMAGED", path: string, what: string): UserError {
  const advice = "Resume from an older checkpoint of the run, or check that recipe and checkpoint belong together.";
  return new UserError(code, `${path}: ${what}`, advice);
}
