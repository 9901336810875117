import assert from "node:assert/strict";
import { test } from "node:test";
import { compileCharsMap } from "./charsmap.ts";

/** Shows what the map is asked about, which is what it has something for. */
const show = compileCharsMap({ find: text => `<${text}>` });

test("long texts are mapped by graphemes of at most five bytes, others by characters, wherever these stand", () => {
  const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });
  for (const unit of ["e\u0301", "日", "👩‍👩‍👧é", "🇩🇪", "각क्ष", "ü\r\n", `ä${"\u0301".repeat(700)}`, "\ud83dя"]) {
    for (let shift = 0; shift < 8; shift++) {
      const text = "é".repeat(shift) + unit.repeat(600 / Math.min(unit.length, 300));
      const expected = Array.from(graphemes.segment(text), ({ segment }) =>
        Buffer.byteLength(segment) > 5 ? Array.from(segment, each => `<${each}>`).join("") : `<${segment}>`,
      );
      assert.equal(show(text), expected.join(""), `${shift} before ${JSON.stringify(unit.slice(0, 20))}`);
    }
  }
});

test("a text without ASCII is cut in pieces, since what tells graphemes takes time with the square of its text", t => {
  const { segment } = Intl.Segmenter.prototype;
  const lengths: number[] = [];
  t.mock.method(Intl.Segmenter.prototype, "segment", function (this: Intl.Segmenter, text: string) {
    lengths.push(text.length);
    return segment.call(this, text);
  });
  assert.equal(show("日本語文".repeat(12_500)).length, 150_000);
  assert.ok(Math.max(...lengths) <= 512, `${Math.max(...lengths)} at once`);
  const all = lengths.reduce((sum, length) => sum + length, 0);
  assert.ok(all >= 50_000 && all < 60_000, `${all} in all`);
});
