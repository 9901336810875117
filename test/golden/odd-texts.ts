// Texts that tokenizers are compared on.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";

function findRoot(start: string): string {
  return readdirSync(start).includes("package.json") ? start : findRoot(dirname(start));
}

/** Every README and changelog of the installed packages; some are in Russian, Chinese, Hindi, Korean. */
export function readInstalledProse(): string {
  const root = findRoot(import.meta.dirname);
  const modules = join(root, "node_modules");
  return readdirSync(modules, { recursive: true, encoding: "utf8" })
    .filter(name => /\.(md|markdown)$/i.test(name))
    .sort()
    .map(name => readFileSync(join(modules, name), "utf8"))
    .join("\n");
}

/** Four thousand texts: stretches of prose and every kind of odd text. */
export function makeOddTexts(prose: string): string[] {
  const random = new RandomSequence(11, streams.sampling, 0);
  const pick = <T>(items: ArrayLike<T>): T => items[random.below(items.length)]!;
  const ranges = (list: string) => list.split(" ").map(range => range.split("-").map(hex => Number.parseInt(hex, 16)));
  const from = ([first, last]: readonly number[]) => String.fromCodePoint(first! + random.below(last! - first! + 1));
  const times = (count: number, make: () => string) => Array.from({ length: count }, make);
  const chain = (most: number, make: () => string) => times(1 + random.below(most), make).join("");
  const slice = (most: number) => {
    const start = random.below(prose.length - most);
    return prose.slice(start, start + 1 + random.below(most)); // may cut a surrogate pair
  };
  const marks = ranges("300-36f 300-36f 591-5bd 897-8ff 1ab0-1aeb 1dc0-1dff 20d0-20f0 10efa-10eff 1e130-1e136");
  const planes = ranges("0-2fff 0-d7ff e000-ffff 10000-1ffff 10000-1ffff 20000-323af e0000-e01ef 0-d7ff 30000-10ffff");
  const scripts = ranges(
    "4e00-9fff 3400-4dbf f900-faff 20000-2a6df 2f800-2fa1d 3000-303f ac00-d7a3 1100-11ff 3041-30ff ff00-ffef 370-3ff " +
      "1f00-1fff 400-52f 590-6ff 900-dff e00-fff 10a0-10ff 1d400-1d7ff 1f300-1faff 10400-104ff 11380-113d2 16e40-16ebf " +
      "a640-a7ff 80-24f 2000-206f 2070-2bff",
  );
  const zeroWidth = [..."\u200b\u200c\u200d\u200e\u2060\ufeff\u00ad\ufe0f\u034f\u{e0061}"];
  const spaces = [..."\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2009\u2028\u2029\u202f\u205f\u3000"];
  const bases = [..."aeoẹσ가日 "];
  const odd = ([] as string[]).concat(
    specialTokens,
    "< > <s </s <MASK> <Unk> <<s>> [MASK] ## ##ing `` '' ... … — ’ “ ǅ ß ẞ İ ı ΣΑΣ ς æ Œ ø Ǿ ł Đ þ ﬁ ½ ² _ don't".split(
      " ",
    ),
    "e\u0301 é 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇫🇷 \0 \x7f \ufffd \ufeff \ud83d \udc69 $& $1 \u212b \u1e9b\u0323 Ꟶ \u{16ea0}".split(
      " ",
    ),
  );
  const disturbed = () =>
    slice(12) + pick([pick(odd), from(pick(marks)), pick(zeroWidth), pick(spaces), from(pick(planes))]);
  const writing = () => {
    const script = pick(scripts);
    return chain(24, () => (random.below(5) > 0 ? from(script) : pick([" ", from(pick(marks)), ".", "x"])));
  };
  const longWord = () => pick([..."a9é𐐀字.", "ab"]).repeat(pick([47, 48, 49, 99, 100, 101, 200, 201, 5000]));
  return [
    ...times(1500, () => slice(100)),
    ...times(400, () => chain(24, () => from(pick(planes)))),
    ...times(400, () => chain(6, disturbed)),
    ...times(400, writing),
    ...times(300, () => chain(6, () => pick(bases) + chain(5, () => from(pick(marks))))),
    ...times(300, () => chain(8, () => pick(odd) + pick(["", "", " ", "a"]))),
    ...times(300, () => chain(12, () => pick([from([0xd800, 0xdfff]), "\ud801", "\udc12", "x", " "]))),
    ...times(300, () => chain(10, () => pick(spaces) + pick(["", "", "a", "."]))),
    ...times(200, () => chain(8, () => pick(zeroWidth) + pick(["", "a", "b ", "👩"]))),
    ...times(200, () => chain(4, () => from([0, 0x9f]) + pick(["a", " ", "\0"]))),
    ...times(60, longWord),
    ...Array.from({ length: 384 }, (_, point) => String.fromCharCode(point)),
    ...odd,
    ...["", " ", "\n", "  ", " a  b   c ", "a".repeat(100), "a".repeat(101)],
  ];
}
