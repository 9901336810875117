// What a TensorBoard event file holds: records of a length, a protocol buffer of the message Event, and checksums of both
// (TFRecord). Written from tensorflow's event.proto and summary.proto; only the fields that scalars need.

const bytesOf = (write: (view: DataView) => void, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
};
const float64 = (value: number) => bytesOf(view => view.setFloat64(0, value, true), 8);
const float32 = (value: number) => bytesOf(view => view.setFloat32(0, value, true), 4);
const uint32 = (value: number) => bytesOf(view => view.setUint32(0, value, true), 4);

/** Seven bits a byte, the lowest first; the high bit says that more follow. Whole numbers below 2^53. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}

const wire = { varint: 0, float64: 1, bytes: 2, float32: 5 } as const;

const field = (number: number, kind: keyof typeof wire, content: Uint8Array): Uint8Array =>
  Buffer.concat([varint(number * 8 + wire[kind]), ...(kind === "bytes" ? [varint(content.length)] : []), content]);

const text = (number: number, value: string) => field(number, "bytes", Buffer.from(value));

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
