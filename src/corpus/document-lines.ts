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

/** Lines that wait to be written; owns their memory. */
export class DocumentLines {
  bytes = 0;
  private lines = Buffer.allocUnsafe(1 << 16);

  /** Adds a document; returns its UTF-16 units. */
  add(text: Uint8Array): number {
    let [units, from] = [0, 0];
    this.put(begin);
    for (let at = 0; at < text.length; at++) {
      const byte = text[at]!;
      units += unitsOf[byte]!;
      if (isEscaped[byte] === 0) continue;
      this.put(text.subarray(from, at));
      this.put(escapes[byte]!);
      from = at + 1;
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
