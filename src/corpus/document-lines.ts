// Documents as lines of JSON, out of their UTF-8 as it is: what JSON writes in another way is replaced, all else is copied. Through strings
// the same bytes cost five times as much.

/** By byte, what JSON writes instead; undefined where it stands as it is. */
const escapes = Array.from({ length: 256 }, (_, byte) => {
  const json = JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
  return byte < 0x80 && json.length > 1 ? Buffer.from(json) : undefined;
});
const isEscaped = Uint8Array.from(escapes, instead => (instead === undefined ? 0 : 1));
/** By byte, how many UTF-16 units begin with it. */
const unitsOf = Uint8Array.from(escapes, (_, byte) => (byte >= 0x80 && byte < 0xc0 ? 0 : byte < 0xf0 ? 1 : 2));
const begin = Buffer.from('{"text":"');
const end = Buffer.from('"}\n');

const everyByte = 0x01010101;
const highBits = 0x80808080 | 0;

/** Whether eight bytes are all ASCII that stands as it is: none below a space, no quotation mark, no backslash. */
const arePlain = (first: number, second: number): boolean =>
  ((first | second) & highBits) === 0 && (plainBits(first) & plainBits(second) & highBits) === highBits;

function plainBits(four: number): number {
  const fromSpace = four + 0x60 * everyByte;
  const noQuote = (four ^ (0x22 * everyByte)) + 0x7f * everyByte;
  const noBackslash = (four ^ (0x5c * everyByte)) + 0x7f * everyByte;
  return fromSpace & noQuote & noBackslash;
}

/** Lines that wait to be written; owns their memory. */
export class DocumentLines {
  bytes = 0;
  private lines = Buffer.allocUnsafe(1 << 16);
  private view = viewOf(this.lines);

  /** Adds a document; returns its UTF-16 units. */
  add(text: Uint8Array): number {
    const { length } = text;
    this.addLine(begin);
    this.reserve(length + end.length);
    const from = viewOf(text);
    let { lines, view, bytes: to } = this;
    let units = 0;
    for (let next = 0; next < length; ) {
      const begun = next;
      while (next + 8 <= length) {
        const [first, second] = [from.getInt32(next), from.getInt32(next + 4)];
        if (!arePlain(first, second)) break;
        view.setInt32(to, first);
        view.setInt32(to + 4, second);
        next += 8;
        to += 8;
      }
      units += next - begun;
      for (const last = Math.min(next + 8, length); next < last; next++) {
        const byte = text[next]!;
        units += unitsOf[byte]!;
        if (isEscaped[byte] === 0) {
          lines[to++] = byte;
          continue;
        }
        const instead = escapes[byte]!;
        this.bytes = to;
        this.reserve(instead.length + length - next + end.length);
        ({ lines, view } = this);
        for (let i = 0; i < instead.length; i++) lines[to++] = instead[i]!;
      }
    }
    this.bytes = to;
    this.addLine(end);
    return units;
  }

  /** Adds what is a line already, or a part of one. */
  addLine(line: Uint8Array): void {
    this.reserve(line.length);
    this.lines.set(line, this.bytes);
    this.bytes += line.length;
  }

  /** The lines that wait, which are gone then; they hold until the next one is added. */
  take(): Buffer {
    const taken = this.lines.subarray(0, this.bytes);
    this.bytes = 0;
    return taken;
  }

  private reserve(more: number): void {
    if (this.bytes + more <= this.lines.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.lines.length, this.bytes + more));
    grown.set(this.lines.subarray(0, this.bytes));
    this.lines = grown;
    this.view = viewOf(grown);
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
