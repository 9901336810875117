// What a TensorBoard event file holds: records of a length, a protocol buffer of the message Event, and checksums of both
// (TFRecord). Written from tensorflow's event.proto and summary.proto; only the fields that scalars, texts and
// hyperparameters need. What a plugin of TensorBoard's reads stands in the metadata of a value.

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

const message = (number: number, ...fields: readonly Uint8Array[]) => field(number, "bytes", Buffer.concat(fields));

/** `Value` with a tensor, which the plugin of that name shows; its own content stands beside. */
const pluginValue = (tag: string, tensor: Uint8Array, plugin: string, content?: Uint8Array) =>
  message(
    1,
    text(1, tag),
    tensor,
    message(9, message(1, text(1, plugin), ...(content === undefined ? [] : [field(2, "bytes", content)]))),
  );

/** A text in Markdown a tag. */
export function encodeTexts(moment: Moment, texts: Readonly<Record<string, string>>): Uint8Array {
  const values = Object.entries(texts).map(([tag, value]) =>
    // DT_STRING, of no dimensions.
    pluginValue(tag, message(8, field(1, "varint", varint(7)), message(2), text(8, value)), "text"),
  );
  return event(moment, message(5, ...values));
}

/** What the plugin hparams finds a run's session in: a tensor of one empty dimension, and `HParamsPluginData` beside it. */
function encodeSession(moment: Moment, tag: string, data: Uint8Array): Uint8Array {
  // DT_FLOAT.
  const nothing = message(8, field(1, "varint", varint(1)), message(2, message(2)));
  return event(moment, message(5, pluginValue(tag, nothing, "hparams", data)));
}

/** `SessionStartInfo`: the settings by their names, and the name of the group that the run is a row of. */
export function encodeHyperparameters(
  moment: Moment,
  group: string,
  settings: Iterable<readonly [name: string, value: unknown]>,
): Uint8Array {
  const sorted = [...settings].sort(([a], [b]) => (a < b ? -1 : 1));
  const entries = sorted.map(([name, value]) => message(1, text(1, name), message(2, encodeValue(value))));
  const start = message(3, ...entries, text(4, group), field(5, "float64", float64(moment.seconds)));
  return encodeSession(moment, "_hparams_/session_start_info", start);
}

/** `google.protobuf.Value`. */
function encodeValue(value: unknown): Uint8Array {
  if (typeof value === "number") return field(2, "float64", float64(value));
  if (typeof value === "boolean") return field(4, "varint", varint(value ? 1 : 0));
  return text(3, typeof value === "string" ? value : JSON.stringify(value));
}

/** `SessionEndInfo`. */
export function encodeSessionEnd(moment: Moment, isSuccess: boolean): Uint8Array {
  const end = message(4, field(1, "varint", varint(isSuccess ? 1 : 2)), field(2, "float64", float64(moment.seconds)));
  return encodeSession(moment, "_hparams_/session_end_info", end);
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
