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

/** Whether four bytes are all ASCII that stands as it is: none below a space, no quotation mark, no backslash. */
function isPlain(four: number): boolean {
  const fromSpace = four + 0x60 * everyByte;
  const noQuote = (four ^ (0x22 * everyByte)) + 0x7f * everyByte;
  const noBackslash = (four ^ (0x5c * everyByte)) + 0x7f * everyByte;
  return (four & highBits) === 0 && (fromSpace & noQuote & noBackslash & highBits) === highBits;
}

/** Lines that wait to be written; owns their memory. */
export class DocumentLines {
  bytes = 0;
  private lines = Buffer.allocUnsafe(1 << 16);

  /** Adds a document; returns its UTF-16 units. */
  add(text: Uint8Array): number {
    let [units, from] = [0, 0];
    this.put(begin);
    const view = new DataView(text.buffer, text.byteOffset, text.byteLength);
    for (let next = 0; next < text.length; ) {
      if (next + 4 <= text.length && isPlain(view.getInt32(next))) {
        units += 4;
        next += 4;
        continue;
      }
      for (const last = Math.min(next + 4, text.length); next < last; next++) {
        const byte = text[next]!;
        units += unitsOf[byte]!;
        if (isEscaped[byte] === 0) continue;
        this.put(text.subarray(from, next));
        this.put(escapes[byte]!);
        from = next + 1;
      }
    }
    this.put(text.subarray(from));
    this.put(end);
    return units;
  }

  /** The lines that wait, which are gone then; they hold until the next one is added. */
  take(): Buffer {
    const taken = this.lines.subarray(0, this.bytes);
    this.bytes = 0;
    return taken;
  }

  private put(piece: Uint8Array): void {
    if (this.bytes + piece.length > this.lines.length) {
      const grown = Buffer.allocUnsafe(Math.max(2 * this.lines.length, this.bytes + piece.length));
      grown.set(this.lines.subarray(0, this.bytes));
      this.lines = grown;
    }
    this.lines.set(piece, this.bytes);
    this.bytes += piece.length;
  }
}
