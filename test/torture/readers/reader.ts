// What the campaign knows of a reader: which good file it damages, and how the result is read. One row a reader.

import { contentHash } from "../../../src/base/files/files.ts";
import type { Form } from "../mutations/mutators.ts";

export interface Reader {
  readonly name: string;
  /** Below the good files: the folder that is copied for each case, or one file that is copied alone. */
  readonly from: string;
  /** The file in it that is damaged; undefined where `from` is that file. */
  readonly damaged?: string;
  readonly form: Form;
  /** Whether a checksum protects the file: then nothing damaged is taken. */
  readonly sealed?: boolean;
  /** Whether the good file is a refusal itself. */
  readonly refused?: boolean;
  /** Reads the copy as the product does; what comes back tells a changed reading from the good one. */
  readonly read: (path: string) => unknown;
}

/** Names values that may be long or no JSON: equal ones alike. */
export function fingerprint(value: unknown): string {
  const text = JSON.stringify(value, (_, held: unknown) => {
    if (typeof held === "number" && !Number.isFinite(held)) return String(held);
    if (ArrayBuffer.isView(held)) {
      return contentHash(new Uint8Array(held.buffer, held.byteOffset, held.byteLength));
    }
    return held instanceof Map ? [...held] : held;
  });
  return contentHash(text ?? "undefined");
}
