// Every operation's gradient against central finite differences, in float64 on the reference.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostArray } from "../../src/backends/backend.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { input, multiply, sum } from "../../src/graph/operations.ts";
import { countElements } from "../../src/graph/tensor.ts";
import { operationCases } from "./operation-cases.ts";

const step = 1e-5;
const tolerance = 1e-7;
/** Larger graphs are differentiated at this many positions of each operand. */
const positionsTried = 12;

export function drawValues(length: number, index: number, centre: number): Float64Array {
  const random = new RandomSequence(11, streams.initialisation, index);
  return Float64Array.from({ length }, () => centre + random.normalPair()[0]);
}

for (const { name, shapes, build, centre } of operationCases) {
  if (shapes.some(shape => countElements(shape) > 20_000)) continue;
  test(`gradient of ${name}`, async () => {
    const operands = shapes.map((shape, i) => input(`x${i}`, shape, "f32"));
    const result = build(operands);
    const weights = input("weights", result.shape, "f32");
    const loss = sum(
      multiply(result, weights),
      result.shape.map((_, axis) => axis),
    );
    const gradients = differentiate(loss, operands);
    const outputs = Object.fromEntries(gradients.map((gradient, i) => [`g${i}`, gradient]));
    const loaded = await openReference().load({ outputs: { loss, ...outputs }, updates: {} }, new Map());
    const lossOnly = await openReference().load({ outputs: { loss }, updates: {} }, new Map());
    const values: Record<string, HostArray> = { weights: drawValues(countElements(result.shape), 99, 0) };
    shapes.forEach((shape, i) => {
      values[`x${i}`] = drawValues(countElements(shape), i, centre ?? 0).map(value =>
        Math.max(value, (centre ?? 0) - 3),
      );
    });
    const exact = await loaded.run(values);
    for (const [i, shape] of shapes.entries()) {
      const length = countElements(shape);
      for (let tried = 0; tried < Math.min(length, positionsTried); tried++) {
        const at = Math.floor((tried * length) / Math.min(length, positionsTried));
        const own = values[`x${i}`] as Float64Array;
        const kept = own[at]!;
        own[at] = kept + step;
        const above = (await lossOnly.run(values)).loss![0]!;
        own[at] = kept - step;
        const below = (await lossOnly.run(values)).loss![0]!;
        own[at] = kept;
        const measured = (above - below) / (2 * step);
        const claimed = exact[`g${i}`]![at]!;
        const error = Math.abs(measured - claimed) / (1 + Math.abs(measured));
        assert.ok(error < tolerance * 10, `operand ${i}, element ${at}: ${claimed} against ${measured}`);
      }
    }
  });
}
