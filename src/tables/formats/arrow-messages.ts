// The messages of an Arrow file, told apart: a schema, dictionaries, batches of rows. A file in the file format is one in the
// streaming format between eight bytes and an index, so both are read from the beginning on, and no more than a batch is held.
// (Arrow columnar format, "Serialization and interprocess communication".)

import { closeSync, fstatSync, readSync } from "node:fs";
import { openForReading } from "../../base/files/files.ts";
import { reading } from "../../base/files/read-failure.ts";

export interface ArrowMessage {
  readonly kind: "schema" | "dictionary" | "rows" | "other";
  /** All of it, as a library takes it. */
  readonly bytes: Uint8Array;
}

const kinds: Readonly<Record<number, ArrowMessage["kind"]>> = { 1: "schema", 2: "dictionary", 3: "rows" };
const mostHeadBytes = 2 ** 26;
const mostBodyBytes = 2 ** 30;

/** The messages in their order. An Error says what is damaged; a file without its end mark is cut short. */
export function* readArrowMessages(path: string): Generator<ArrowMessage> {
  const file = openForReading(path, "text");
  try {
    const fileBytes = reading(path, "text", () => fstatSync(file).size);
    const read = (at: number, bytes: number): Buffer => {
      if (at + bytes > fileBytes) throw new Error("it ends within a message: cut short");
      const held = Buffer.alloc(bytes);
      for (let done = 0; done < bytes; ) {
        const count = reading(path, "text", () => readSync(file, held, done, bytes - done, at + done));
        if (count === 0) throw new Error("the file became shorter while it was read");
        done += count;
      }
      return held;
    };
    const begin = read(0, Math.min(8, fileBytes));
    for (let at = begin.subarray(0, 6).toString("latin1") === "ARROW1" ? 8 : 0; ; ) {
      const mark = read(at, 8);
      if (mark.readUInt32LE(0) !== 0xffffffff) throw new Error("no message of Arrow where one should begin");
      const headBytes = mark.readUInt32LE(4);
      if (headBytes === 0) return;
      if (headBytes > mostHeadBytes) throw new Error("a message with a head of a size that none has");
      const { kind, bodyBytes } = readHead(read(at + 8, headBytes));
      if (!(bodyBytes >= 0 && bodyBytes <= mostBodyBytes)) throw new Error("a batch of more than 1 GiB");
      const bytes = 8 + headBytes + bodyBytes;
      yield { kind, bytes: read(at, bytes) };
      at += bytes;
    }
  } finally {
    closeSync(file);
  }
}

/** The head is a FlatBuffer, a table: 0 version, 1 kind, 2 the kind's own, 3 bytes of the body. */
function readHead(head: Buffer): { kind: ArrowMessage["kind"]; bodyBytes: number } {
  const table = head.readUInt32LE(0);
  const fields = table - head.readInt32LE(table);
  const offsetOf = (field: number) => {
    const at = 4 + 2 * field;
    return at < head.readUInt16LE(fields) ? head.readUInt16LE(fields + at) : 0;
  };
  const [kindAt, bodyAt] = [offsetOf(1), offsetOf(3)];
  return {
    kind: (kindAt === 0 ? undefined : kinds[head.readUInt8(table + kindAt)]) ?? "other",
    bodyBytes: bodyAt === 0 ? 0 : Number(head.readBigInt64LE(table + bodyAt)),
  };
}
