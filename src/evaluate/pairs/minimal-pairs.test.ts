import assert from "node:assert/strict";
import { test } from "node:test";
import { openCpu } from "../../backends/cpu/cpu.ts";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { UserError } from "../../base/errors.ts";
import { input, state } from "../../graph/operations.ts";
import { predictTokens } from "../../model/heads.ts";
import { initialiseParameters } from "../../model/initialise.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import { listParameters } from "../../model/parameters.ts";
import { completeShape, type ModelShape } from "../../model/shape.ts";
import { judgePair, openPairScorer } from "./minimal-pairs.ts";

const shape = completeShape({
  width: 8,
  layers: 2,
  heads: 2,
  feedForward: 16,
  vocabulary: 40,
  sequenceLength: 24,
  positions: "rotary",
});
const specials = { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 };

/** Words are numbers of tokens, "+" is no token; the parameters are large, so that the predictions are far from uniform. */
function makeModel(changes: Partial<ModelShape> = {}) {
  const changed = { ...shape, ...changes };
  const initial = initialiseParameters(changed, 7);
  const parameters = listParameters(changed).map(({ name, shape: size, role }) => ({
    name,
    shape: size,
    read: () => initial.get(name)!.map(value => (role === "norm" || role === "scale" ? value : 15 * value)),
  }));
  const encodeText = (text: string) => (text.match(/\d+/g) ?? []).map(Number);
  return { shape: changed, parameters, specials, encodeText };
}
type Model = ReturnType<typeof makeModel>;

/** log p of each token of a sentence, masked on its own, in a graph without padding: what the scores are made of. */
async function scoreOneByOne({ shape, parameters, encodeText }: Model, text: string, opening: number): Promise<number> {
  const sentence = [opening, ...encodeText(text), specials.separator];
  const backend = openReference();
  const tensors = new Map(parameters.map(each => [each.name, state(each.name, each.shape)] as const));
  const inputs = { ...declareEncoderInputs(shape, 1, sentence.length), positions: input("positions", [1], "i32") };
  const outputs = { logits: predictTokens(inputs, tensors, shape) };
  const graph = await backend.load({ outputs, updates: {} }, placeParameters(backend, parameters));
  let sum = 0;
  for (let place = 1; place < sentence.length - 1; place++) {
    const tokens = Int32Array.from(sentence, (token, i) => (i === place ? specials.mask : token));
    const positions = Int32Array.of(place);
    const { logits } = await graph.run({ tokens, positions, ...makeTables(shape, sentence.length) });
    const total = Array.from(logits!).reduce((a, b) => a + Math.exp(b), 0);
    sum += logits![sentence[place]!]! - Math.log(total);
  }
  return sum;
}

const sentences = [
  "10 11 12 30",
  "10 13 12 30",
  "9",
  "17 18 19 20 21 22 23 24 25 26 27 28 29 30 31",
  "39 8 7 7 8",
] as const;
const pairs = [
  { good: sentences[0], bad: sentences[1], origin: "a:1" },
  { good: sentences[2], bad: sentences[3], origin: "a:2" },
  { good: sentences[3], bad: sentences[4], origin: "a:3" },
  { good: sentences[1], bad: sentences[0], origin: "a:4" },
];

for (const [name, changes, opening] of [
  ["rotary", {}, specials.classify],
  ["scaled-sinusoidal", { positions: "scaled-sinusoidal" }, specials.separator],
  ["learned, with segments", { positions: "learned", segments: true }, specials.classify],
] as const) {
  test(`scores are those of one token after the other: ${name}`, async () => {
    const model = makeModel(changes);
    const scored = await openPairScorer(openReference(), model, opening).score(pairs);
    for (const [i, { good, bad }] of pairs.entries()) {
      const expected = [await scoreOneByOne(model, good, opening), await scoreOneByOne(model, bad, opening)] as const;
      assert.ok(Math.abs(scored[i]!.good - expected[0]) < 1e-9, `${good}: ${scored[i]!.good}, not ${expected[0]}`);
      assert.ok(Math.abs(scored[i]!.bad - expected[1]) < 1e-9, `${bad}: ${scored[i]!.bad}, not ${expected[1]}`);
      assert.equal(scored[i]!.outcome, expected[0] > expected[1] ? 1 : 0);
    }
    // The first pair the other way round.
    assert.equal(scored[0]!.outcome + scored[3]!.outcome, 1);
  });
}

test("more rows than one batch holds, on the cpu", async () => {
  const model = makeModel();
  // 30 sentences with 10 tokens to mask are 300 rows, and 2048 tokens hold at most 170 of them.
  const many = Array.from({ length: 30 }, (_, i) => ({
    good: Array.from({ length: 10 }, (_, j) => 7 + ((i * 7 + j * j) % 33)).join(" "),
    bad: "8 9",
    origin: `b:${i}`,
  }));
  const cpu = await openCpu({ threads: 1, precision: "f32" });
  try {
    const scored = await openPairScorer(cpu, model).score(many);
    for (const i of [0, 12, 17, 29]) {
      const expected = await scoreOneByOne(model, many[i]!.good, specials.classify);
      assert.ok(Math.abs(scored[i]!.good - expected) < 1e-3, `${i}: ${scored[i]!.good}, not ${expected}`);
    }
  } finally {
    await cpu.close();
  }
});

test("a single text is given no more rows than the next size of a program has", async () => {
  const backend = openReference();
  const rows: number[] = [];
  const counting = {
    ...backend,
    load: (...[graph, states]: Parameters<typeof backend.load>) => {
      rows.push(graph.outputs.logProbabilities!.shape[0]!);
      return backend.load(graph, states);
    },
  };
  const scorer = openPairScorer(counting, makeModel());
  await scorer.scoreTexts(["10 11 12"]);
  await scorer.scoreTexts(["10 11 12 13 14 15 16 17 18 19"]);
  await scorer.scoreTexts([Array.from({ length: 20 }, () => "9").join(" ")]);
  assert.deepEqual(rows, [4, 12, 24]);
});

test("the higher score wins, and equal ones share", async () => {
  assert.deepEqual(judgePair(-3, -4), { good: -3, bad: -4, outcome: 1 });
  assert.equal(judgePair(-4, -3).outcome, 0);
  assert.equal(judgePair(-3, -3).outcome, 0.5);
  assert.equal(judgePair(Number.NaN, -3).outcome, 0);
  // Different texts with the same tokens.
  const [scored] = await openPairScorer(openReference(), makeModel()).score([
    { good: "10 + 11", bad: "10 11", origin: "" },
  ]);
  assert.equal(scored!.outcome, 0.5);
});

test("a sentence that is too long, and one without tokens, are named", async () => {
  const scorer = openPairScorer(openReference(), makeModel());
  const long = Array.from({ length: 23 }, () => "9").join(" ");
  const isError = (code: string, origin: string) => (error: unknown) =>
    error instanceof UserError && error.code === code && error.message.startsWith(origin);
  await assert.rejects(
    scorer.score([...pairs, { good: "9", bad: long, origin: "p.jsonl:3" }]),
    isError("E_TEXT_LENGTH", "p.jsonl:3: a sentence has 25 tokens and the model was trained on 24"),
  );
  await assert.rejects(
    scorer.score([{ good: "+", bad: "9", origin: "p.jsonl:4" }]),
    isError("E_PAIR_EMPTY", "p.jsonl:4"),
  );
  assert.deepEqual(await scorer.score([]), []);
});
