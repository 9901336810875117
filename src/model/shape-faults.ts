// What is wrong with a shape: sizes and options that make no model, and options that nothing reads beside the others. Each is told by its
// name, with what to change.

import { quoteValue } from "../base/printable.ts";
import { isGated } from "../nn/activation.ts";
import { chooseMixer, findMixer } from "./mixers/mixers.ts";
import {
  embeddingWidthOf,
  findShortcut,
  findStrides,
  isPreNorm,
  largestSizes,
  listChosenOptions,
  type ModelShape,
} from "./shape.ts";

export interface ShapeFault {
  /** Begins with the field's name. */
  readonly message: string;
  readonly advice: string;
}

/** Options that only some shapes read: by the start of their path, whether they are read, and what stands against it. */
const readers: readonly (readonly [
  path: string,
  isRead: (shape: ModelShape) => boolean,
  against: (shape: ModelShape) => string,
])[] = [
  ["rotaryBases", ({ positions }) => positions === "rotary", ({ positions }) => `${positions} positions`],
  ["rotaryShare", ({ positions }) => positions === "rotary", ({ positions }) => `${positions} positions`],
  ["firstAttentionNorm", isPreNorm, ({ normalisation }) => `normalisation ${normalisation}`],
  ["parallel", isPreNorm, ({ normalisation }) => `normalisation ${normalisation}`],
  ["parallel", ({ feedForwardEvery }) => feedForwardEvery > 0, () => "feedForwardEvery 0"],
  ["activation", ({ feedForwardEvery }) => feedForwardEvery > 0, () => "feedForwardEvery 0"],
];

/** What is wrong with a shape that no model can have; undefined where all is well. */
export function findShapeFault(shape: ModelShape): ShapeFault | undefined {
  return (
    findSizeFault(shape) ??
    findUnreadOption(shape) ??
    findMixerFault(shape) ??
    findStrideFault(shape) ??
    findOptionFault(shape)
  );
}

function findSizeFault(shape: ModelShape): ShapeFault | undefined {
  for (const [name, most] of Object.entries(largestSizes)) {
    const value = shape[name as keyof typeof largestSizes];
    if (!(Number.isInteger(value) && value > 0 && value <= most)) {
      return { message: `${name} is ${quoteValue(value)}`, advice: `It must be a whole number from 1 to ${most}.` };
    }
  }
  return undefined;
}

function findUnreadOption(shape: ModelShape): ShapeFault | undefined {
  const chosen = listChosenOptions(shape).map(({ path }) => path);
  const found = readers.find(([path, isRead]) => chosen.includes(path) && !isRead(shape));
  if (found === undefined) return undefined;
  const [path, , against] = found;
  const verb = path.endsWith("s") ? "change" : "changes";
  return { message: `${path} ${verb} nothing with ${against(shape)}`, advice: "Leave it out, or change the other." };
}

/** What the mixers of the layers say, and what no mixer of them reads. */
function findMixerFault(shape: ModelShape): ShapeFault | undefined {
  const { layers } = shape;
  const chosen = [chooseMixer(shape.mixer), findMixer(shape.mixer, layers - 1, layers)];
  for (const { mixer, settings } of chosen) {
    const fault = mixer.findFault(settings, shape);
    if (fault !== undefined) return fault;
  }
  const { heads, positions, mixer } = shape;
  if (heads !== 1 && !chosen.some(each => each.mixer.hasHeads)) {
    return { message: `heads ${heads} change nothing with mixer ${mixer.name}`, advice: "Set model.heads=1." };
  }
  if (positions === "rotary" && !chosen.some(each => each.mixer.rotates)) {
    return {
      message: `positions are rotary, and mixer ${mixer.name} has no queries and keys that they turn`,
      advice: "Set model.positions to scaled-sinusoidal, sinusoidal, learned or none.",
    };
  }
  return undefined;
}

/** What is wrong with strides, and what has no meaning where rows stand for several tokens. */
function findStrideFault(shape: ModelShape): ShapeFault | undefined {
  const { strides, layers, sequenceLength, mixer, residual, embedding } = shape;
  if (strides.length === 0) return undefined;
  const named = `strides [${strides.join(", ")}]`;
  const most = Math.max(...strides);
  const all = Array.from({ length: layers }, (_, layer) => ({ layer, ...findStrides(shape, layer) }));
  const isUneven = all.some(({ before, behind }) => Math.max(before, behind) % Math.min(before, behind) !== 0);
  const widest = strides.lastIndexOf(most);
  const turns = all.some(({ layer, before, behind }) => (layer <= widest ? behind < before : behind > before));
  const lacksShortcut = all.some(({ layer, behind }) => {
    const shortcut = findShortcut(shape, layer);
    return shortcut !== undefined && (shortcut < 0 || findStrides(shape, shortcut).before !== behind);
  });
  const reading = [
    residual.embeddingSkip && "residual.embeddingSkip",
    embedding.bigramRows > 0 && "embedding.bigramRows",
    mixer.name === "attention" && mixer.valueResidual && "mixer.valueResidual",
    mixer.name === "attention" && mixer.valueEmbeddings && "mixer.valueEmbeddings",
    mixer.name === "attention" && mixer.causal && "mixer.causal",
  ].find(each => each !== false);
  const joining = all
    .map(({ layer }) => findMixer(shape.mixer, layer, layers))
    .find(({ mixer: own, settings }) => !own.asksFew(settings))?.mixer;
  const faults: readonly (readonly [boolean, string, string])[] = [
    [strides.length !== layers, `${named} are ${strides.length} for ${layers} layers`, "Give one for each layer."],
    [most === 1, `${named} shorten nothing`, "Leave them out, or raise one."],
    [strides.at(-1) !== 1, `${named} end with sequences that are shortened still`, "The last must be 1."],
    [
      isUneven,
      `${named} go from one to another that it does not divide`,
      "Each must divide the next, or be divided by it.",
    ],
    [turns, `${named} fall and rise again`, "They must rise, then fall."],
    [
      lacksShortcut,
      `${named} give a layer behind the widest none before it with rows for as many tokens to add`,
      "Strides must fall as they rose, as [2, 4, 2, 1].",
    ],
    [
      sequenceLength % most !== 0,
      `sequenceLength ${sequenceLength} is not a multiple of ${most}, the widest of strides`,
      "Change one of the two.",
    ],
    [
      joining !== undefined,
      `strides pool the queries of a mixer, and ${joining?.name} has none`,
      "Leave them out, or set model.mixer.name=attention.",
    ],
    [
      reading !== undefined,
      `${reading} is of single tokens, and strides make rows that stand for several`,
      "Leave out one of the two.",
    ],
  ];
  const fault = faults.find(([holds]) => holds);
  return fault && { message: fault[1], advice: fault[2] };
}

function findOptionFault(shape: ModelShape): ShapeFault | undefined {
  const { width, layers, feedForward, positions, activation, normEpsilon, rotaryBases, embedding } = shape;
  const { feedForwardEvery, norm, normGain, normBias, vocabulary, head, decoder } = shape;
  const narrow = embeddingWidthOf(shape);
  const faults: readonly (readonly [boolean, string, string])[] = [
    [width % 2 !== 0, `width ${width} is odd`, "Make it even."],
    [
      isGated(activation) && feedForward % 2 !== 0,
      `feedForward ${feedForward} is odd, and the gate takes half of it`,
      "Make it even.",
    ],
    [
      feedForwardEvery === 0 && feedForward > 2,
      `feedForward ${feedForward} changes nothing with feedForwardEvery 0`,
      "Set model.feedForward=2.",
    ],
    [
      feedForwardEvery > layers,
      `feedForwardEvery ${feedForwardEvery} is more than layers ${layers}: no layer has a feed-forward`,
      "Lower it, or set it to 0.",
    ],
    [!(normEpsilon > 0 && normEpsilon < 1), `normEpsilon is ${normEpsilon}`, "It must be small and above 0."],
    [
      rotaryBases.length === 0 || rotaryBases.some(base => !(base > 1)),
      `rotaryBases are [${rotaryBases.join(", ")}]`,
      "Each must be a number above 1.",
    ],
    [
      rotaryBases.length > layers,
      `rotaryBases are ${rotaryBases.length} and there are ${layers} layers`,
      "Leave out those that no layer uses.",
    ],
    [
      embedding.width === width,
      `embedding.width ${embedding.width} is width ${width} itself, which needs no projection`,
      "Change it, or set it to 0 for an embedding of the model's width.",
    ],
    [narrow % 2 !== 0 && positions !== "rotary", `embedding.width ${narrow} is odd`, "Make it even."],
    [
      embedding.bigramRows === 1 || (embedding.bigramRows > 0 && vocabulary > 2 ** 16),
      `embedding.bigramRows ${embedding.bigramRows} with vocabulary ${vocabulary}`,
      "There must be 2 rows or more, and a vocabulary of 65536 at most: the hash has 32 bits.",
    ],
    [
      decoder.bias === (head === "transform" ? "always" : "never"),
      `decoder.bias ${decoder.bias} changes nothing with head ${head}`,
      "Leave it out.",
    ],
    [
      norm === "scale" && !normGain && normBias,
      "norm scale has a bias and no gain, so its rows have length 1 beside any bias",
      "Set model.normBias=false or model.normGain=true.",
    ],
  ];
  const fault = faults.find(([holds]) => holds);
  return fault && { message: fault[1], advice: fault[2] };
}

/** Throws for a shape that no model can have: who read it from a file has said so, and named the file. */
export function checkShape(shape: ModelShape): void {
  const fault = findShapeFault(shape);
  if (fault !== undefined) throw new Error(`the model's shape: ${fault.message}`);
}
