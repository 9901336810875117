// The words of a text as deduplication sees them: letters and digits in a row, in lower case, whatever stands between them.

/** Of a UTF-16 unit that is no half of a pair: 0 not known yet, 1 of a word, 2 of none. */
const kinds = new Uint8Array(2 ** 16);
const ofWord = 1;
const ofNone = 2;
const wordCharacter = /[\p{L}\p{N}]/u;

/** Tells of a text in lower case where each word begins and ends: what /[\p{L}\p{N}]+/gu matches, without making it. */
function eachWord(text: string, tell: (start: number, end: number) => void): void {
  let start = -1;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const first = at;
    let isOfWord: boolean;
    if (unit >= 0xd800 && unit < 0xdc00 && at + 1 < text.length) {
      const character = String.fromCodePoint(text.codePointAt(at)!);
      isOfWord = wordCharacter.test(character);
      at += character.length - 1;
    } else {
      if (kinds[unit] === 0) kinds[unit] = wordCharacter.test(String.fromCharCode(unit)) ? ofWord : ofNone;
      isOfWord = kinds[unit] === ofWord;
    }
    if (isOfWord) {
      if (start < 0) start = first;
    } else if (start >= 0) {
      tell(start, first);
      start = -1;
    }
  }
  if (start >= 0) tell(start, text.length);
}

/** FNV-1a over the UTF-16 units of each word of a text in lower case, from a seed. */
export function hashWords(text: string, seed: number): Uint32Array {
  const hashes = new Uint32Array((text.length + 1) >> 1);
  let count = 0;
  eachWord(text, (start, end) => {
    let hash = seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hashes[count++] = hash;
  });
  return hashes.subarray(0, count);
}
