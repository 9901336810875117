// What a TensorBoard event file holds: records of a length, a protocol buffer of the message Event, and checksums of both
// (TFRecord). Written from tensorflow's event.proto and summary.proto; only the fields that scalars need.

import { bytesOf, field, float32, float64, text, uint32, varint } from "./protocol-buffers.ts";

export interface Moment {
  /** Seconds of the date. */
  readonly seconds: number;
  readonly step: number;
}

/** `Event`: wall_time is field 1, step 2; zeros are left out, as protocol buffers do. */
const event = ({ seconds, step }: Moment, content: Uint8Array): Uint8Array =>
  Buffer.concat([
    field(1, "float64", float64(seconds)),
    ...(step === 0 ? [] : [field(2, "varint", varint(step))]),
    content,
  ]);

/** The first record of a file. */
export const encodeVersion = (seconds: number): Uint8Array => event({ seconds, step: 0 }, text(3, "brain.Event:2"));

/** A session that starts: a reader drops what it has of this step and later ones. */
export const encodeStart = (moment: Moment): Uint8Array =>
  event(moment, field(7, "bytes", field(1, "varint", varint(1))));

/** `Summary` with a value a tag. */
export function encodeScalars(moment: Moment, scalars: Readonly<Record<string, number>>): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) =>
    field(1, "bytes", Buffer.concat([text(1, tag), field(2, "float32", float32(value))])),
  );
  return event(moment, field(5, "bytes", Buffer.concat(values)));
}

/** TFRecord: length (u64), its checksum, the content, its checksum. */
export function frameRecord(content: Uint8Array): Uint8Array {
  const length = bytesOf(view => view.setBigUint64(0, BigInt(content.length), true), 8);
  return Buffer.concat([length, uint32(maskedChecksum(length)), content, uint32(maskedChecksum(content))]);
}

/** CRC-32C rotated and shifted, so that a checksum of data that holds checksums stays one. */
export function maskedChecksum(bytes: Uint8Array): number {
  const checksum = crc32c(bytes);
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}

/** Castagnoli's polynomial, bits reversed (RFC 3720, appendix B.4). */
const polynomial = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
  return value;
});

export function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = table[(value ^ byte) & 255]! ^ (value >>> 8);
  return ~value >>> 0;
}
