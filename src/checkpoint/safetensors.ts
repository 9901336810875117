// The safetensors format: eight bytes of header length, a JSON header padded to a multiple of 8, then the tensors' bytes,
// little-endian, without holes. Reading checks every offset against the shape and the file's length before any value is used.
// Float32 is written; other people's files may also hold halves, which are read, and integers, which are only listed.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UserError } from "../base/errors.ts";
import { writeFileAtomically } from "../base/files.ts";
import { countElements, type Shape } from "../graph/tensor.ts";

/** A tensor outside the device. Its values are fetched when asked for: a model and its moments need never be held at once. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: Shape;
  /** What it is stored as; F32 unless said. */
  readonly type?: string;
  read(): Float32Array;
}

/** Bytes of an element. */
const elementBytes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };

interface HeaderEntry {
  readonly dtype: keyof typeof elementBytes;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Writes float32 tensors, in the order given. The same tensors and metadata give the same bytes. */
export function writeSafetensors(
  path: string,
  tensors: readonly StoredTensor[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape } of tensors) {
    const bytes = countElements(shape) * 4;
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, " ");
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const parts = function* () {
    yield length;
    yield padded;
    for (const tensor of tensors) {
      const values = tensor.read();
      if (values.length !== countElements(tensor.shape)) {
        throw new Error(`tensor ${tensor.name}: ${values.length} values for its shape`);
      }
      yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    }
  };
  writeFileAtomically(path, parts());
}

/**
 * Lists the tensors named in `expected`, which must all be there with these shapes; without it, all of them. The header and
 * the file's length are checked now, values are read from the file when asked for.
 */
export function readSafetensors(path: string, expected?: ReadonlyMap<string, Shape>): Map<string, StoredTensor> {
  const file = openForReading(path);
  try {
    const { entries, bodyStart } = readHeader(file, path);
    const names = expected === undefined ? [...entries.keys()] : [...expected.keys()];
    const tensors = new Map<string, StoredTensor>();
    for (const name of names) {
      const entry = entries.get(name);
      if (entry === undefined) throw damaged("E_CHECKPOINT_TENSOR", path, `tensor ${name} is missing`);
      const shape = expected?.get(name);
      if (shape !== undefined && shape.join() !== entry.shape.join()) {
        const shapes = `shape [${entry.shape.join(", ")}], and the model's has [${shape.join(", ")}]`;
        throw damaged("E_CHECKPOINT_TENSOR", path, `tensor ${name} has ${shapes}`);
      }
      const read = () => readValues(path, name, entry, bodyStart);
      tensors.set(name, { name, shape: entry.shape, ...(entry.dtype !== "F32" && { type: entry.dtype }), read });
    }
    return tensors;
  } finally {
    closeSync(file);
  }
}

function readValues(path: string, name: string, { dtype, shape, data_offsets }: HeaderEntry, bodyStart: number) {
  if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") {
    throw damaged("E_CHECKPOINT_TENSOR", path, `tensor ${name} has type ${dtype}, where F32, F16 or BF16 is read`);
  }
  const count = countElements(shape);
  const stored = dtype === "F32" ? new Float32Array(count) : new Uint16Array(count);
  const file = openForReading(path);
  try {
    readExactly(file, new Uint8Array(stored.buffer), bodyStart + data_offsets[0]);
  } finally {
    closeSync(file);
  }
  if (stored instanceof Float32Array) return stored;
  return dtype === "BF16" ? new Float32Array(Uint32Array.from(stored, half => half << 16).buffer) : widenHalves(stored);
}

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

function openForReading(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw new UserError("E_FILE_MISSING", `${path}: no checkpoint here`, "Check the path of the run.", { cause });
  }
}

function readHeader(file: number, path: string): { entries: Map<string, HeaderEntry>; bodyStart: number } {
  const fileBytes = fstatSync(file).size;
  const prefix = Buffer.alloc(8);
  if (fileBytes < 8)
    throw damaged("E_CHECKPOINT_DAMAGED", path, `it is ${fileBytes} bytes long, shorter than its prefix`);
  readExactly(file, prefix, 0);
  const headerBytes = Number(prefix.readBigUInt64LE());
  if (headerBytes > fileBytes - 8 || headerBytes > 100_000_000) {
    throw damaged(
      "E_CHECKPOINT_DAMAGED",
      path,
      `its header should have ${headerBytes} bytes, the file has ${fileBytes}`,
    );
  }
  const text = Buffer.alloc(headerBytes);
  readExactly(file, text, 8);
  let header: unknown;
  try {
    header = JSON.parse(text.toString("utf8"));
  } catch {
    throw damaged("E_CHECKPOINT_DAMAGED", path, "its header is not JSON");
  }
  if (typeof header !== "object" || header === null) {
    throw damaged("E_CHECKPOINT_DAMAGED", path, "its header is not an object");
  }
  const bodyStart = 8 + headerBytes;
  const entries = new Map<string, HeaderEntry>();
  for (const [name, entry] of Object.entries(header) as [string, HeaderEntry][]) {
    if (name === "__metadata__") continue;
    checkEntry(name, entry, fileBytes - bodyStart, path);
    entries.set(name, entry);
  }
  return { entries, bodyStart };
}

function checkEntry(name: string, entry: HeaderEntry, bodyBytes: number, path: string): void {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!Array.isArray(entry?.shape) || !entry.shape.every(isCount) || !Array.isArray(entry.data_offsets)) {
    throw damaged("E_CHECKPOINT_DAMAGED", path, `tensor ${name} has no shape or offsets`);
  }
  const bytes = elementBytes[entry.dtype];
  if (bytes === undefined) {
    throw damaged("E_CHECKPOINT_TENSOR", path, `tensor ${name} has the unknown type ${entry.dtype}`);
  }
  const [start, end] = entry.data_offsets;
  if (!isCount(start) || !isCount(end) || end - start !== countElements(entry.shape) * bytes) {
    throw damaged(
      "E_CHECKPOINT_DAMAGED",
      path,
      `tensor ${name} has offsets ${start} to ${end}, which its shape denies`,
    );
  }
  if (end > bodyBytes) {
    const where = `tensor ${name} ends at byte ${end} of the data and only ${bodyBytes} are there`;
    throw damaged("E_CHECKPOINT_DAMAGED", path, `the file was cut short: ${where}`);
  }
}

function readExactly(file: number, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.byteLength; ) {
    const count = readSync(file, into, done, Math.min(into.byteLength - done, 1 << 30), position + done);
    if (count === 0) throw new Error("the file ended while it was being read");
    done += count;
  }
}

function damaged(code: "E_CHECKPOINT_TENSOR" | "E_CHECKPOINT_DAMAGED", path: string, what: string): UserError {
  const advice = "Resume from an older checkpoint of the run, or check that recipe and checkpoint belong together.";
  return new UserError(code, `${path}: ${what}`, advice);
}
