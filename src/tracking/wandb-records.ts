// What a Weights & Biases offline file holds: protocol buffers of its message Record, framed as LevelDB's log. Written from
// wandb's wandb_internal.proto and the file that wandb 0.30 writes; only the records that a run's curves need.

import { crc32 } from "node:zlib";
import { field, text, varint } from "./protocol-buffers.ts";

/** Magic, 0xBEE1 and version 0: what the file begins with. */
export const fileStart: Uint8Array = Buffer.from([...Buffer.from(":W&B"), 0xe1, 0xbe, 0]);

const blockBytes = 32_768;
const headerBytes = 7;
const kinds = { whole: 1, first: 2, middle: 3, last: 4 } as const;

/**
 * A record as it stands from byte `offset` of the file on: in pieces that cross no border of a block of 32 KiB, each behind its
 * checksum (CRC-32 of kind and content), length and kind. What is left of a block without room for a header is zeros.
 */
export function frameAt(offset: number, content: Uint8Array): Uint8Array {
  const left = blockBytes - (offset % blockBytes);
  const parts: Uint8Array[] = left < headerBytes ? [new Uint8Array(left)] : [];
  // A block with room for a header alone takes a first piece of no bytes.
  let room = left < headerBytes ? blockBytes : left;
  let [begin, isFirst] = [0, true];
  do {
    const piece = content.subarray(begin, begin + room - headerBytes);
    const isLast = begin + piece.length === content.length;
    const kind = isFirst ? (isLast ? kinds.whole : kinds.first) : isLast ? kinds.last : kinds.middle;
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(crc32(piece, crc32(Uint8Array.of(kind))), 0);
    header.writeUInt16LE(piece.length, 4);
    header[6] = kind;
    parts.push(header, piece);
    begin += piece.length;
    [isFirst, room] = [false, blockBytes];
  } while (begin < content.length);
  return Buffer.concat(parts);
}

const message = (number: number, ...fields: readonly Uint8Array[]) => field(number, "bytes", Buffer.concat(fields));
/** Zeros are left out, as protocol buffers do. */
const whole = (number: number, value: number) =>
  value === 0 ? new Uint8Array() : field(number, "varint", varint(value));
const record = (number: number, content: Uint8Array) => Buffer.concat([whole(1, number), content]);

/** Numbers, and words for what was said. */
export type WandbValues = Readonly<Record<string, number | string>>;

/** JSON has no numbers that are not finite; wandb writes and reads their names. `String` gives JavaScript's, which are the same. */
const items = (values: WandbValues) =>
  Object.entries(values).map(([name, value]) =>
    message(
      1,
      text(2, name),
      text(16, Number.isFinite(value) || typeof value === "string" ? JSON.stringify(value) : String(value)),
    ),
  );

/** The first record: who wrote the file, and the oldest wandb that may read it, which is the one that wandb 0.30 itself names. */
export const encodeHeader = (sequence: number, producer: string): Uint8Array =>
  record(sequence, message(21, message(1, text(1, producer), text(2, "0.70.0"))));

export interface WandbRun {
  /** Letters and digits, by which the server knows it. */
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly host: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Milliseconds of the date. */
  readonly beganAt: number;
}

export function encodeRun(sequence: number, { id, project, name, host, config, beganAt }: WandbRun): Uint8Array {
  const [seconds, nanoseconds] = [Math.floor(beganAt / 1000), (beganAt % 1000) * 1_000_000];
  const updates = Object.entries(config).map(([key, value]) =>
    message(1, text(1, key), text(16, JSON.stringify(value))),
  );
  const run = [
    ...[text(1, id), text(3, project), message(4, ...updates), text(8, name), text(13, host)],
    message(17, whole(1, seconds), whole(2, nanoseconds)),
  ];
  return record(sequence, message(17, ...run));
}

/** A row of the run's history. */
export const encodeHistory = (sequence: number, step: number, values: WandbValues): Uint8Array =>
  record(sequence, message(2, ...items(values), message(2, whole(1, step))));

/** The values that the run is listed with. */
export const encodeSummary = (sequence: number, values: WandbValues): Uint8Array =>
  record(sequence, message(3, ...items(values)));

/** How the run ended, as a program does. */
export const encodeExit = (sequence: number, exitCode: number, runtimeSeconds: number): Uint8Array =>
  record(sequence, message(18, whole(1, exitCode), whole(2, Math.round(runtimeSeconds))));
