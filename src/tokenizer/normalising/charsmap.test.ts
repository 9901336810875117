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

test("a text without ASCII takes time with its length, not with its square", () => {
  const mapped = (length: number) => {
    const begin = process.cpuUsage();
    assert.equal(show("日本語文".repeat(length / 4)).length, 3 * length);
    const { user } = process.cpuUsage(begin);
    return user;
  };
  mapped(5_000);
  const [short, long] = [mapped(5_000), mapped(50_000)];
  // Ten times as much; by the square, a hundred times.
  assert.ok(long < 25 * short, `${short} and ${long} µs`);
});
