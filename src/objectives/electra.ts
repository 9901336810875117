// ELECTRA: a small generator predicts what is masked, and the model, which is read afterwards, tells at every place whether the token is
// the text's own or the generator's. Both are trained at once; nothing flows back from the one to the other but through shared embeddings.
// Validation measures the generator, the only one that predicts tokens.

import { z } from "zod";
import { add, multiply } from "../graph/operations.ts";
import { encode } from "../model/encoder.ts";
import { computeMaskedLoss, detectReplaced } from "../model/heads.ts";
import { declareMaskedInputs, makeTables } from "../model/inputs.ts";
import { findParameter, type Parameters } from "../model/layer-parts.ts";
import type { Parameter } from "../model/parameter.ts";
import { countTrainingFlops, leaveRead, listDiscriminator, listParameters } from "../model/parameters.ts";
import { embeddingWidthOf, type ModelShape, withoutHead } from "../model/shape.ts";
import { findShapeFault } from "../model/shape-faults.ts";
import { declareMaskedBatch } from "./masked-batch.ts";
import type { Objective, ObjectiveRecipe } from "./objective.ts";
import { countValidated, decodedShare, mayLackPredictions } from "./predictions.ts";
import { feedReplaced, measureDetection, replaceTokens } from "./replaced-tokens.ts";

const schema = z.strictObject({
  name: z.literal("electra"),
  detectionWeight: z.number().gt(0).max(1e4).default(50).describe("weight of telling replaced tokens, λ"),
  generatorWidth: z
    .number()
    .gt(0)
    .max(1)
    .default(0.25)
    .describe("share of the model's width, heads and feed-forward that the generator has"),
  generatorLayers: z.number().gt(0).max(1).default(1).describe("share of the model's layers that the generator has"),
  sharedEmbeddings: z
    .boolean()
    .default(true)
    .describe(
      "the generator reads and decodes by the model's embeddings of tokens and positions, projected to its width",
    ),
});

type Settings = z.infer<typeof schema>;

const prefix = "generator.";

/** The generator's shape: the model's with its head, and narrower. */
function shapeGenerator(settings: Settings, model: ModelShape): ModelShape {
  const { generatorWidth: share, generatorLayers, sharedEmbeddings } = settings;
  const width = Math.round(share * model.width);
  const embedding = embeddingWidthOf(model);
  return {
    ...model,
    width,
    layers: Math.max(1, Math.round(generatorLayers * model.layers)),
    heads: Math.max(1, Math.round(share * model.heads)),
    feedForward: Math.round(share * model.feedForward),
    embedding: { ...model.embedding, width: sharedEmbeddings && embedding !== width ? embedding : 0 },
  };
}

/** Whether the generator's parameter of this name is the model's. Bigrams and shifts have the width of the layers. */
const isShared = ({ sharedEmbeddings }: Settings, name: string) =>
  sharedEmbeddings && /^embedding\.(word|position|scale|segment|norm\.weight|norm\.bias)$/.test(name);

/** Parameters as the generator names them. */
function findGenerator(settings: Settings, parameters: Parameters, shape: ModelShape): Parameters {
  return new Map(
    listParameters(shape).map(({ name }) => {
      const own = isShared(settings, name) ? name : `${prefix}${name}`;
      return [name, findParameter(parameters, own)] as const;
    }),
  );
}

function listAll(settings: Settings, { model }: ObjectiveRecipe): readonly Parameter[] {
  const generator = listParameters(shapeGenerator(settings, model))
    .filter(({ name }) => !isShared(settings, name))
    .map(parameter => ({ ...parameter, name: `${prefix}${parameter.name}` }));
  return [...listParameters(withoutHead(model)), ...listDiscriminator(model), ...generator];
}

export const electra = {
  name: "electra",
  summary: "a small generator fills what is masked, and the model tells at every place what was replaced",
  source: "Clark et al. 2020, arXiv 2003.10555",
  schema,
  listParameters: listAll,
  feed: (source, _, { train }) => feedReplaced(source, train.microBatchSequences),
  makeTables: (settings, { model, cut = 1 }) =>
    makeTables(shapeGenerator(settings, model), model.sequenceLength / cut, prefix),
  computeLoss: (parameters, settings, recipe) => {
    const { model, data, loss } = recipe;
    const shape = shapeGenerator(settings, model);
    const own = findGenerator(settings, parameters, shape);
    const inputs = declareMaskedBatch(recipe, shape, prefix);
    const options = { loss, hasGaps: mayLackPredictions(data) };
    const generated = replaceTokens(
      encode(inputs, own, shape, { rows: inputs.positions }),
      inputs,
      own,
      shape,
      options,
    );
    const read = { ...declareMaskedBatch(recipe), tokens: generated.tokens };
    const hidden = encode(read, parameters, withoutHead(model));
    const detection = measureDetection(detectReplaced(hidden, parameters), generated.isReplaced);
    return { loss: add(generated.loss, multiply(detection, settings.detectionWeight)) };
  },
  validation: {
    feed: batch => ({ ...batch }),
    computeLoss: (parameters, settings, { model, train }) => {
      const shape = shapeGenerator(settings, model);
      const { microBatchSequences: B } = train;
      const inputs = declareMaskedInputs(shape, B, B * countValidated({ model }), prefix);
      return computeMaskedLoss(inputs, findGenerator(settings, parameters, shape), shape);
    },
    subject: "the generator, the only one of the two that predicts tokens",
  },
  trainedShape: withoutHead,
  listDiscriminator,
  headFault: "it was trained to tell replaced tokens, and its generator is no part of it",
  countFlops: (settings, recipe) => {
    const { model } = recipe;
    const generator = countTrainingFlops(shapeGenerator(settings, model), decodedShare(recipe));
    return (
      generator + countTrainingFlops(withoutHead(model), 0, leaveRead(model, 1)) + 6 * (model.width ** 2 + model.width)
    );
  },
  findFault: (settings, { model }) => {
    const fault = findShapeFault(shapeGenerator(settings, model));
    if (fault === undefined) return undefined;
    const message = `objective.generatorWidth ${settings.generatorWidth} makes no generator: ${fault.message}`;
    return { message, advice: "Change it, or model.width, heads and feedForward." };
  },
} as const satisfies Objective<Settings>;
