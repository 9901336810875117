// Which UTF-16 or UTF-32 content is that has no mark. Latin letters have zeros in all other bytes. Other scripts are told by two things: bytes
// that text in no other encoding has, the control codes below a blank; and that what is read so is of one script.

import { TextDecoder } from "node:util";

/** Undefined where nothing says so, as of a few characters. */
export function guessEncoding(beginning: Uint8Array): `UTF-${"16" | "32"}${"LE" | "BE"}` | undefined {
  const looked = beginning.subarray(0, 8192);
  const ofFour = [0, 0, 0, 0];
  for (let at = 0; at < looked.length; at++) if (looked[at] === 0) ofFour[at % 4]! += 1;
  const isMany = (count: number) => 4 * count > looked.length;
  const isAll = (count: number) => 4 * (count + 1) > looked.length;
  if (looked.length > 7 && isAll(ofFour[3]!) && isMany(2 * ofFour[2]!) && ofFour[0] === 0) return "UTF-32LE";
  if (looked.length > 7 && isAll(ofFour[0]!) && isMany(2 * ofFour[1]!) && ofFour[3] === 0) return "UTF-32BE";
  const zeros = [ofFour[0]! + ofFour[2]!, ofFour[1]! + ofFour[3]!];
  if (zeros[0] === 0 && isMany(zeros[1]!)) return "UTF-16LE";
  if (zeros[1] === 0 && isMany(zeros[0]!)) return "UTF-16BE";
  if (!hasControls(looked)) return undefined;
  const [little, big] = [readScript(looked, "utf-16le"), readScript(looked, "utf-16be")];
  // Greek letters the wrong way round are hangul; whose bytes differ in all ways are not of one block by chance.
  if (little === "block" || big === "block") return little === "block" ? "UTF-16LE" : "UTF-16BE";
  return little === "East Asian" ? "UTF-16LE" : big === "East Asian" ? "UTF-16BE" : undefined;
}

/** What is to be done about it. */
export const adviseConverting = (encoding: string): string =>
  `It looks like ${encoding} without a mark; convert it with \`iconv -f ${encoding} -t UTF-8\`.`;

/** Of the 16-bit units of a text in any script, how many have a byte of a control code: of Chinese a tenth. */
const leastControls = 0.02;
/** Of a text's letters, those of its script and Latin ones. */
const leastShare = 0.9;

/** Whether there are many, and what is left without them is no UTF-8, as names are that stand between NULs; or they are most of half. */
function hasControls(bytes: Uint8Array): boolean {
  const units = bytes.length / 2;
  const others = bytes.filter(byte => byte >= 0x20 || (byte >= 9 && byte <= 13));
  const controls = bytes.length - others.length;
  if (controls === 0 || controls < leastControls * units) return false;
  // A tab is half of each letter of Devanagari.
  const low = bytes.reduce((sum, byte) => sum + (byte < 0x20 && byte !== 10 && byte !== 13 ? 1 : 0), 0);
  return low > units / 2 || !isMostlyUtf8(others);
}

/** It may be cut within a letter, and have a damaged byte. */
function isMostlyUtf8(bytes: Uint8Array): boolean {
  let broken = 0;
  for (const letter of new TextDecoder().decode(bytes)) if (letter === "\ufffd") broken += 1;
  return broken <= leastControls * bytes.length;
}

/** What text has none of: control codes, and what stands for no character. */
const impossible = /[^\P{C}\p{Cf}\t\n\r]/u;
const letters = /[\p{L}\p{M}]/gu;
/** Han, kana, hangul and bopomofo, which stand beside each other; rare Han of planes behind are no script of a text. */
const eastAsian = /^[\u3005-\u3007\u3041-\u312f\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]$/;
const lastLatin = 0x24f;

/** What most letters are of, beside Latin ones: a block of 256, or the scripts of East Asia; undefined where it is no text so read. */
function readScript(bytes: Uint8Array, encoding: "utf-16le" | "utf-16be"): "block" | "East Asian" | undefined {
  let text: string;
  try {
    // What is cut at the end waits for more, and is left out.
    text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
  if (impossible.test(text)) return undefined;
  const blocks = new Map<number, number>();
  let [all, latin, asian] = [0, 0, 0];
  for (const [letter] of text.matchAll(letters)) {
    all += 1;
    const point = letter.codePointAt(0)!;
    if (point <= lastLatin) latin += 1;
    else blocks.set(point >> 8, (blocks.get(point >> 8) ?? 0) + 1);
    if (eastAsian.test(letter)) asian += 1;
  }
  const isMost = (count: number) => count > 0 && count + latin >= leastShare * all;
  return isMost(Math.max(0, ...blocks.values())) ? "block" : isMost(asian) ? "East Asian" : undefined;
}
