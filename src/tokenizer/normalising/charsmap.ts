// SentencePiece's normaliser in a file ("Precompiled"): a map of texts to texts as a double array of tries (Darts), in base64. Hugging Face's
// `tokenizers` asks it about each grapheme of at most five bytes, which becomes what the shortest key that it begins with is mapped to; and
// of others about each character.

export interface CharsMap {
  /** What stands for a grapheme or a character; undefined where it stays. */
  readonly find: (text: string) => string | undefined;
}

/** A map of its base64; undefined where that is none. */
export function readCharsMap(base64: string): CharsMap | undefined {
  const bytes = Buffer.from(base64, "base64");
  const size = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  if (size === 0 || size % 4 !== 0 || size + 4 > bytes.length) return undefined;
  const units = Uint32Array.from({ length: size / 4 }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
  const texts = bytes.subarray(4 + size);
  const find = (text: string): string | undefined => {
    const place = findShortest(units, Buffer.from(text, "utf8"));
    if (place === undefined) return undefined;
    return texts.toString("utf8", place, texts.indexOf(0, place) < 0 ? texts.length : texts.indexOf(0, place));
  };
  return { find };
}

const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0;

/** The value of the shortest key that some bytes begin with. */
function findShortest(units: Uint32Array, key: Uint8Array): number | undefined {
  let at = offsetOf(units[0]!);
  for (const byte of key) {
    if (byte === 0) return undefined;
    at ^= byte;
    const unit = units[at];
    if (unit === undefined || labelOf(unit) !== byte) return undefined;
    at ^= offsetOf(unit);
    if ((unit & 0x100) !== 0) return (units[at] ?? 0) & 0x7fffffff;
  }
  return undefined;
}

let graphemes: Intl.Segmenter | undefined;
const mostBytes = 5;
const mostKept = 1 << 16;
const mostCut = 256;

/** The graphemes of a text: some of it at a time, since the time that all of it takes grows with the square of its length. */
function* cutGraphemes(text: string): Generator<string> {
  // Made where one is cut: it takes as long as reading twenty modules, and every start reads this one.
  const segmenter = (graphemes ??= new Intl.Segmenter("und", { granularity: "grapheme" }));
  for (let begin = 0, size = mostCut; begin < text.length; ) {
    const isHalf = (text.charCodeAt(begin + size - 1) & 0xfc00) === 0xd800;
    const end = begin + size + (isHalf ? 1 : 0);
    const found = Array.from(segmenter.segment(text.slice(begin, end)), ({ segment }) => segment);
    // The last one may go on.
    if (end < text.length) found.pop();
    size = found.length === 0 ? 2 * size : mostCut;
    for (const grapheme of found) {
      begin += grapheme.length;
      yield grapheme;
    }
  }
}

/** Makes a function of a map. */
export function compileCharsMap({ find }: CharsMap): (text: string) => string {
  const kept = new Map<string, string>();
  const mapGrapheme = (grapheme: string): string => {
    const known = kept.get(grapheme);
    if (known !== undefined) return known;
    const whole = Buffer.byteLength(grapheme) > mostBytes ? undefined : find(grapheme);
    const mapped = whole ?? Array.from(grapheme, character => find(character) ?? character).join("");
    if (kept.size === mostKept) kept.clear();
    kept.set(grapheme, mapped);
    return mapped;
  };
  const ascii = Array.from({ length: 128 }, (_, unit) => mapGrapheme(String.fromCharCode(unit)));
  return text => {
    let result = "";
    let done = 0;
    for (let at = 0; at < text.length; ) {
      const begin = at++;
      if (!isJoined(text, at)) {
        const unit = text.charCodeAt(begin);
        if (unit < 128) {
          const mapped = ascii[unit]!;
          if (mapped.charCodeAt(0) === unit && mapped.length === 1) continue;
          result += text.slice(done, begin) + mapped;
          done = at;
          continue;
        }
      } else while (isJoined(text, at)) at++;
      result += text.slice(done, begin);
      for (const grapheme of cutGraphemes(text.slice(begin, at))) result += mapGrapheme(grapheme);
      done = at;
    }
    return done === 0 ? text : result + text.slice(done);
  };
}

/** Whether what stands before a place may be of one grapheme with what stands behind: of ASCII only a line's end of two characters is. */
function isJoined(text: string, place: number): boolean {
  if (place >= text.length) return false;
  const [before, behind] = [text.charCodeAt(place - 1), text.charCodeAt(place)];
  return before > 127 || behind > 127 || (before === 13 && behind === 10);
}
