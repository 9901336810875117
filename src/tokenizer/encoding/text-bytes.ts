// The UTF-8 of a text in an array that is reused. Four bytes are read as one number: most of a text is ASCII, and finding where words end,
// hashing and comparing them cost a quarter of what they do byte by byte.

/** So short a text costs less byte by byte than a call out of JavaScript. */
const short = 64;
/** Behind the text, so that four bytes can be read at any place of it, and a word ends where the text does. */
const padding = 8;
const everyByte = 0x01010101;
const blanks = 0x20 * everyByte;
const highBits = 0x80808080 | 0;

/** The bytes of one text after another. Half a surrogate pair is U+FFFD. */
export class TextBytes {
  /** Behind `length` stand spaces. */
  bytes: Buffer = Buffer.alloc(1 << 12);
  view = viewOf(this.bytes);
  length = 0;

  read(text: string): void {
    if (3 * text.length + padding > this.bytes.length) this.reserve(Buffer.byteLength(text));
    this.length = this.readShort(text) ? text.length : this.bytes.write(text, 0, "utf8");
    this.end();
  }

  /** Makes room for so many bytes, which whoever asks for it writes, and says `end` behind them. */
  reserve(length: number): void {
    if (length + padding <= this.bytes.length) return;
    this.bytes = Buffer.alloc(length + (length >> 2) + padding);
    this.view = viewOf(this.bytes);
  }

  end(): void {
    this.view.setInt32(this.length, blanks);
    this.view.setInt32(this.length + 4, blanks);
  }

  /** The text of bytes[begin, end), which begin and end where characters do. */
  slice(begin: number, end: number): string {
    return this.bytes.toString("utf8", begin, end);
  }

  private readShort(text: string): boolean {
    if (text.length > short) return false;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      this.bytes[i] = unit;
    }
    return true;
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Buffer): DataView => new DataView(buffer, byteOffset, byteLength);

/** The code point that begins at a place of well-formed UTF-8. */
export function pointAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return lead;
  const second = bytes[at + 1]! & 0x3f;
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | second;
  const third = bytes[at + 2]! & 0x3f;
  if (lead < 0xf0) return ((lead & 0x0f) << 12) | (second << 6) | third;
  return ((lead & 0x07) << 18) | (second << 12) | (third << 6) | (bytes[at + 3]! & 0x3f);
}

/** How many bytes the character has that begins with this one. */
export const sizeOf = (lead: number): number => (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4);

export const firstHash = 0x811c9dc5 | 0;

/** Four bytes more in a hash, or the last ones with zeros behind them. */
export function hashFour(hash: number, four: number): number {
  const mixed = Math.imul(hash ^ four, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** The last bytes of a word, one to three, of four that were read there. */
export const keepFirst = (four: number, count: number): number => four & (0xffffff >>> (24 - 8 * count));

/** A word of at most so many bytes is two fours, with zeros behind it: most are, and the processor need not guess how long one is. */
export const shortWord = 8;
const maskOf = (bytes: number): number => (bytes <= 0 ? 0 : bytes >= 4 ? -1 : keepFirst(-1, bytes));
const firstMasks = Int32Array.from({ length: shortWord + 1 }, (_, length) => maskOf(length));
const secondMasks = Int32Array.from({ length: shortWord + 1 }, (_, length) => maskOf(length - 4));
/** The two fours of a short word. Behind a text stand spaces, so both can be read. */
export const firstFour = (view: DataView, begin: number, length: number): number =>
  view.getInt32(begin, true) & firstMasks[length]!;
export const secondFour = (view: DataView, begin: number, length: number): number =>
  view.getInt32(begin + 4, true) & secondMasks[length]!;
/** How many fours a word is. */
export const countFours = (length: number): number => (length <= shortWord ? 2 : (length + 3) >> 2);

/** The hash of bytes[begin, end). */
export function hashBytes(view: DataView, begin: number, end: number): number {
  const length = end - begin;
  if (length <= shortWord) {
    return hashFour(hashFour(firstHash, firstFour(view, begin, length)), secondFour(view, begin, length));
  }
  let hash = firstHash;
  let at = begin;
  for (; at + 4 <= end; at += 4) hash = hashFour(hash, view.getInt32(at, true));
  return at < end ? hashFour(hash, keepFirst(view.getInt32(at, true), end - at)) : hash;
}

const lowBits = (four: number): number => (four - 0x21 * everyByte) & ~four & highBits;

/** Of four bytes where the first stands that is not above a space: 0 to 3, or 4 where none is. */
export function findLow(four: number): number {
  const found = lowBits(four);
  return found === 0 ? 4 : (31 - Math.clz32(found & -found)) >> 3;
}

/** The same of eight: 0 to 7, or 8. No branch hangs on it. */
export function findLowOfEight(first: number, second: number): number {
  // The four high bits become bits 0 to 3 of a number.
  const firsts = Math.imul(lowBits(first) >>> 7, 0x10204080) >>> 28;
  const seconds = Math.imul(lowBits(second) >>> 7, 0x10204080) >>> 28;
  const found = firsts | (seconds << 4) | 0x100;
  return 31 - Math.clz32(found & -found);
}

/** Whether four bytes are ASCII without the control character that stands behind what can be seen. */
export const isAscii = (four: number): boolean => ((four | (four + everyByte)) & highBits) === 0;

/** How many of four bytes are visible ASCII; -1 where one is not ASCII, or the control character that stands behind it. */
export function countVisible(four: number): number {
  if (!isAscii(four)) return -1;
  return Math.imul(((four + 0x5f * everyByte) & highBits) >>> 7, everyByte) >>> 24;
}
