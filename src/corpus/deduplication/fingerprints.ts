// Which places of a text are looked at when repeated stretches are sought (winnowing: Schleimer, Wilkerson and Aiken, SIGMOD 2003).
// Of every window of `windowBytes` the gram of half its length with the smallest hash is chosen, the first of equals. Windows with
// the same bytes choose the same gram at the same place in them, so equal windows are found among equal grams, which are a
// twenty-fifth of all.

const firstBase = 0x01000193;
const secondBase = 0x5bd1e995;

export interface FingerprintSizes {
  readonly windowBytes: number;
  readonly gramBytes: number;
  /** Grams of a window. */
  readonly grams: number;
}

/** Of windows of this many bytes, at least 4. */
export function sizeFingerprints(windowBytes: number): FingerprintSizes {
  const gramBytes = windowBytes >> 1;
  return { windowBytes, gramBytes, grams: windowBytes - gramBytes + 1 };
}

/** A chosen gram: its hash in two words, where it begins, and the windows that chose it, by where the first begins and how many. */
export type OnFingerprint = (first: number, second: number, at: number, window: number, windows: number) => void;

/** Tells every gram of a text that a window chose, in order; places count from the text's beginning. */
export function chooseFingerprints(text: Uint8Array, sizes: FingerprintSizes, tell: OnFingerprint): void {
  const { windowBytes, gramBytes, grams } = sizes;
  if (text.length < windowBytes) return;
  const leaving = [power(firstBase, gramBytes), power(secondBase, gramBytes)] as const;
  let ringSize = 1;
  while (ringSize < grams) ringSize *= 2;
  const mask = ringSize - 1;
  const firsts = new Int32Array(ringSize);
  const seconds = new Int32Array(ringSize);
  const orders = new Uint32Array(ringSize);
  let first = 0;
  let second = 0;
  let least = -1;
  let window = 0;
  const lastGram = text.length - gramBytes;
  for (let at = -gramBytes + 1; at <= lastGram; at++) {
    const entering = text[at + gramBytes - 1]! + 1;
    first = (Math.imul(first, firstBase) + entering) | 0;
    second = (Math.imul(second, secondBase) + entering) | 0;
    if (at > 0) {
      const left = text[at - 1]! + 1;
      first = (first - Math.imul(left, leaving[0])) | 0;
      second = (second - Math.imul(left, leaving[1])) | 0;
    }
    if (at < 0) continue;
    const slot = at & mask;
    firsts[slot] = first;
    seconds[slot] = second;
    const order = scramble(first, second);
    orders[slot] = order;
    const begin = at - grams + 1;
    if (begin < 0) continue;
    let next = least;
    if (least < begin) {
      next = begin;
      for (let i = begin + 1; i <= at; i++) if (orders[i & mask]! < orders[next & mask]!) next = i;
    } else if (order < orders[least & mask]!) next = at;
    if (next === least) continue;
    if (least >= 0) tell(firstOf, secondOf, least, window, begin - window);
    least = next;
    window = begin;
    firstOf = firsts[next & mask]!;
    secondOf = seconds[next & mask]!;
  }
  tell(firstOf, secondOf, least, window, text.length - windowBytes + 1 - window);
}

/** Of the chosen gram, which may have left the ring when it is told. */
let firstOf = 0;
let secondOf = 0;

function scramble(first: number, second: number): number {
  const mixed = Math.imul(first ^ (first >>> 15) ^ second, 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let i = 0; i < exponent; i++) result = Math.imul(result, base);
  return result;
}
