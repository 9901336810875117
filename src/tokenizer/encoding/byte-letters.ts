// The letters that byte-level tokenizers write bytes with (Radford et al. 2019): a visible character stands for its own byte, and the 68
// other bytes have U+0100 to U+0143. A space is "Ġ".

const isVisible = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

let others = 0x100;

/** The letter of each byte. */
export const byteLetters: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  String.fromCharCode(isVisible(byte) ? byte : others++),
);

const byteOf = new Map(byteLetters.map((letter, byte) => [letter, byte]));

/** A text as the letters of its bytes in UTF-8. */
export function writeByteLetters(text: string): string {
  let letters = "";
  for (const byte of Buffer.from(text, "utf8")) letters += byteLetters[byte]!;
  return letters;
}

/** The bytes that letters stand for; undefined where a character is none of them. */
export function readByteLetters(letters: string): number[] | undefined {
  const bytes: number[] = [];
  for (const letter of letters) {
    const byte = byteOf.get(letter);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return bytes;
}
