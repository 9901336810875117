// The colours of runs, as people see them: any two differ by 25 in CIELAB (CIE 1976), with normal vision and without the cones for long,
// middle or short waves, and each stands out from its paper.

import assert from "node:assert/strict";
import { test } from "node:test";
import { chartStyle, lightChartStyle, runColours } from "./chart-style.ts";

type Triple = readonly [number, number, number];
type Matrix = readonly [Triple, Triple, Triple];

const dot = (a: Triple, b: Triple) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const apply = (matrix: Matrix, x: Triple): Triple => [dot(matrix[0], x), dot(matrix[1], x), dot(matrix[2], x)];

/** Machado, Oliveira and Fernandes 2009, table of severity 1.0, on linear sRGB. */
const visions: Readonly<Record<string, Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** IEC 61966-2-1, D65. */
const toXyz: Matrix = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
];
const white: Triple = [0.95047, 1, 1.08883];

function linearise(hex: string): Triple {
  const channel = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

function toLab(linear: Triple): Triple {
  const curve = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
  const xyz = apply(toXyz, linear);
  const [x, y, z] = [curve(xyz[0] / white[0]), curve(xyz[1] / white[1]), curve(xyz[2] / white[2])];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function seen(hex: string, vision: Matrix): Triple {
  const [r, g, b] = apply(vision, linearise(hex));
  const clip = (value: number) => Math.min(1, Math.max(0, value));
  return toLab([clip(r), clip(g), clip(b)]);
}

const difference = (a: Triple, b: Triple) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
const luminance = (hex: string) => dot(toXyz[1], linearise(hex));

test("the arithmetic is CIELAB's", () => {
  // Lindbloom's calculator: sRGB red is L 53.2408, a 80.0925, b 67.2032.
  toLab(linearise("#ff0000")).forEach((value, i) => {
    assert.ok(Math.abs(value - [53.2408, 80.0925, 67.2032][i]!) < 0.01, `${value}`);
  });
});

const darkRules = chartStyle.slice(lightChartStyle.length);
for (const [screen, rules, paper] of [
  ["light", lightChartStyle, "#ffffff"],
  ["dark", darkRules, "#16181c"],
] as const) {
  const colours = [...rules.matchAll(/\.run-\d\{stroke:(#[0-9a-f]{6})\}/g)].map(match => match[1]!);
  test(`eight colours on ${screen} paper are told apart by everybody`, () => {
    assert.equal(colours.length, runColours);
    for (const [name, vision] of Object.entries(visions)) {
      colours.forEach((one, i) => {
        for (const other of colours.slice(i + 1)) {
          const delta = difference(seen(one, vision), seen(other, vision));
          assert.ok(delta >= 25, `${one} and ${other} differ by ${delta.toFixed(1)} with ${name} vision`);
        }
      });
    }
  });
  test(`each stands out from ${screen} paper, three to one`, () => {
    for (const colour of colours) {
      const [low, high] = [luminance(colour), luminance(paper)].sort((a, b) => a - b);
      assert.ok((high! + 0.05) / (low! + 0.05) >= 3, colour);
    }
  });
}
