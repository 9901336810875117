// The header of a safetensors file, read as its Rust library reads it and nothing looser: tensors lie one behind the other from
// the first byte of the data to the last, without holes or overlaps, and no name is there twice. So every byte of a file
// belongs to one tensor, and a damaged header is told from a good one before any value is used.

import { makePrintable } from "../base/printable.ts";
import { countElements } from "../graph/tensor.ts";

/** Bytes of an element. */
const elementBytes = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, F8_E5M2: 1, F8_E4M3: 1, F8_E8M0: 1, C64: 8 },
  ...{ I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1 },
};

export interface HeaderEntry {
  readonly dtype: keyof typeof elementBytes;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** What the format allows. */
export const maxHeaderBytes = 100_000_000;

/** The file, the metadata or an entry, and the list in an entry. */
const deepest = 3;

/** A tensor's name, short enough for a message. */
export const quoteName = (name: string): string => makePrintable(name, 80);

/** The tensors of a header, by name. What is wrong is thrown as a HeaderFault. `bodyBytes` is the length of the data behind it. */
export function parseHeader(bytes: Uint8Array, bodyBytes: number): Map<string, HeaderEntry> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new HeaderFault("its header is not UTF-8");
  }
  checkTokens(text);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw new HeaderFault("its header is not JSON");
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw new HeaderFault("its header is not an object");
  }
  const entries = new Map<string, HeaderEntry>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") checkMetadata(entry);
    else {
      checkEntry(name, entry as HeaderEntry);
      entries.set(name, entry as HeaderEntry);
    }
  }
  checkPlaces(entries, bodyBytes);
  return entries;
}

/** What is wrong with a header; who reads the file says which one it is. */
export class HeaderFault extends Error {}

/** What JSON.parse lets through and the format does not: names that are there twice, deep nesting, numbers that are no counts. */
function checkTokens(text: string): void {
  const open: Set<string>[] = [];
  let lastString = "";
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]|-?\d[\d.eE+-]*/g)) {
    const first = token[0]!;
    if (first === '"') lastString = token;
    else if (first === "{" || first === "[") {
      if (open.push(new Set()) > deepest) throw new HeaderFault("its header is nested too deeply");
    } else if (first === "}" || first === "]") open.pop();
    else if (first === ":") {
      // Written with other escapes it is the same name.
      const name = lastString.includes("\\") ? parseString(lastString) : lastString.slice(1, -1);
      if (open.at(-1)?.has(name)) throw new HeaderFault(`its header has ${quoteName(name)} twice`);
      open.at(-1)?.add(name);
    } else if (!/^(0|[1-9]\d*)$/.test(token)) throw new HeaderFault("its header has a number that is no count");
  }
}

function parseString(token: string): string {
  try {
    const text = JSON.parse(token) as string;
    if (!/\p{Surrogate}/u.test(text)) return text;
  } catch {
    // Said below.
  }
  throw new HeaderFault("its header is not JSON");
}

function checkMetadata(metadata: unknown): void {
  const isText = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  if (isText && Object.values(metadata).every(value => typeof value === "string")) return;
  throw new HeaderFault("its metadata is not text by name");
}

function checkEntry(name: string, entry: HeaderEntry | null): void {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);
  if (!isCounts(entry?.shape) || !isCounts(entry.data_offsets) || entry.data_offsets.length !== 2) {
    throw new HeaderFault(`tensor ${quoteName(name)} has no shape or offsets`);
  }
  if (!Object.hasOwn(elementBytes, entry.dtype)) {
    throw new HeaderFault(`tensor ${quoteName(name)} has the unknown type ${quoteName(String(entry.dtype))}`);
  }
  const [start, end] = entry.data_offsets;
  const bytes = countElements(entry.shape) * elementBytes[entry.dtype];
  if (!Number.isSafeInteger(bytes) || end - start !== bytes) {
    throw new HeaderFault(`tensor ${quoteName(name)} has offsets ${start} to ${end}, which its shape denies`);
  }
}

/** In the order of the data each tensor begins where the one before ends, and the last ends with the file. */
function checkPlaces(entries: ReadonlyMap<string, HeaderEntry>, bodyBytes: number): void {
  const placed = [...entries].sort(
    ([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1],
  );
  let at = 0;
  for (const [
    name,
    {
      data_offsets: [start, end],
    },
  ] of placed) {
    if (start !== at) {
      const what = start > at ? `${start - at} bytes before it belong to no tensor` : "another tensor lies there, too";
      throw new HeaderFault(`tensor ${quoteName(name)} begins at byte ${start} of the data: ${what}`);
    }
    at = end;
    if (end > bodyBytes) {
      const where = `tensor ${quoteName(name)} ends at byte ${end} of the data and only ${bodyBytes} are there`;
      throw new HeaderFault(`the file was cut short: ${where}`);
    }
  }
  if (at !== bodyBytes) throw new HeaderFault(`${bodyBytes - at} bytes at its end belong to no tensor`);
}
