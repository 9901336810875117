// Protocol buffers as far as event files need them: numbers and bytes to fields, the least of Google's encoding that there is.

export const bytesOf = (write: (view: DataView) => void, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
};
export const float64 = (value: number) => bytesOf(view => view.setFloat64(0, value, true), 8);
export const float32 = (value: number) => bytesOf(view => view.setFloat32(0, value, true), 4);
export const uint32 = (value: number) => bytesOf(view => view.setUint32(0, value, true), 4);

/** Seven bits a byte, the lowest first; the high bit says that more follow. Whole numbers below 2^53. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}

const wire = { varint: 0, float64: 1, bytes: 2, float32: 5 } as const;

/** A field: its number and kind, and its content, behind its length where it is bytes. */
export const field = (number: number, kind: keyof typeof wire, content: Uint8Array): Uint8Array =>
  Buffer.concat([varint(number * 8 + wire[kind]), ...(kind === "bytes" ? [varint(content.length)] : []), content]);

/** Text, or a message, as a field. */
export const text = (number: number, value: string) => field(number, "bytes", Buffer.from(value));
