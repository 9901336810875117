// Muon: momentum whose singular values are pushed towards 1 by Newton–Schulz iterations, so that every direction of a hidden
// matrix learns at one speed.

import { z } from "zod";
import { add, concat, divide, maximum, mean, multiply, reshape, rsqrt, slice } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { adamMoments, adamSettings, adamw, listAdamStates, readAdamScalars } from "../adaptive/adamw.ts";
import { normOf } from "../clip.ts";
import { blendMean, listMeans } from "../means.ts";
import {
  meanFraction,
  type OptimizedParameter,
  type Optimizer,
  type Prepared,
  type StepOperands,
} from "../optimizer.ts";
import { orthogonalise } from "./orthogonalise.ts";

const coefficient = z.number().min(-1e3).max(1e3);

const schema = z.strictObject({
  name: z.literal("muon"),
  // Of AdamW, which trains the rest.
  ...adamSettings,
  muonLearningRate: z.number().positive().max(1e6).default(0.02).describe("peak learning rate of the hidden matrices"),
  muonMomentum: meanFraction.default(0.95).describe("share of the sum of gradients that a step keeps"),
  // Absent, each is as Muon was first published.
  muonFirstMomentum: meanFraction
    .exactOptional()
    .describe("share at the first step, from which it goes to muonMomentum"),
  muonMomentumSteps: z
    .number()
    .int()
    .positive()
    .max(1e9)
    .exactOptional()
    .describe("steps until the share is muonMomentum"),
  muonCoefficients: z
    .union([
      z.enum(["jordan", "polar-express"]),
      z
        .array(z.tuple([coefficient, coefficient, coefficient]))
        .min(1)
        .max(20),
    ])
    .exactOptional()
    .describe("polynomials of the iterations: jordan, polar-express (arXiv 2505.16932), or a, b, c of each"),
  muonNeuronMemory: meanFraction
    .exactOptional()
    .describe(
      "NorMuon: share that the mean square of each output's step keeps, which its steps are divided by the root of",
    ),
});

type Settings = z.infer<typeof schema>;

const isMatrix = ({ role }: OptimizedParameter) => role === "matrix";

/** Muon trains the hidden matrices; AdamW, with its own rate, the rest. */
export const muon = {
  name: "muon",
  summary: "orthogonalised momentum for the hidden matrices, AdamW for the rest",
  source: "Jordan et al. 2024, kellerjordan.github.io/posts/muon; NorMuon: Li et al. 2025, arXiv 2510.05491",
  schema,
  decay: "decoupled",
  rates: ["learningRate", "muonLearningRate"],
  momentum: "muonMomentum",
  findFault: ({ muonFirstMomentum, muonMomentumSteps }) => {
    if ((muonFirstMomentum === undefined) === (muonMomentumSteps === undefined)) return undefined;
    const [given, missing] = ["muonFirstMomentum", "muonMomentumSteps"];
    const [one, other] = muonFirstMomentum === undefined ? [missing, given] : [given, missing];
    return { message: `${one} changes nothing without ${other}`, advice: "Set both, or neither." };
  },
  listStates: (parameter, settings) => {
    if (!isMatrix(parameter)) return listAdamStates(parameter, settings);
    const { shape } = parameter;
    const { muonFirstMomentum = 0, muonMomentum, muonNeuronMemory = 0 } = settings;
    const momentum = Math.max(muonFirstMomentum, muonMomentum);
    return { ...listMeans(shape, { momentum }), ...listMeans([1, shape[1]!], { neurons: muonNeuronMemory }) };
  },
  moments: { ...adamMoments, momentum: "signed" },
  movesElements: true,
  readScalars: (settings, step, rateScale) => ({
    ...readAdamScalars(settings, step, rateScale),
    muonLearningRate: settings.muonLearningRate * rateScale,
    ...(settings.muonFirstMomentum !== undefined && { muonMomentum: momentumAt(settings, step) }),
  }),
  prepareAll: (all, settings) => {
    const matrices = all.filter(({ parameter }) => isMatrix(parameter));
    const alike = new Map<string, Prepared[]>();
    for (const each of matrices) {
      const { shape, parts } = each.parameter;
      const key = `${shape.join(" ")} ${parts}`;
      alike.set(key, [...(alike.get(key) ?? []), each]);
    }
    return new Map([...alike.values()].flatMap(group => orthogonaliseAlike(group, settings)));
  },
  update: (parameter, operands, settings) => {
    if (!isMatrix(parameter)) {
      const { momentum: _, ...scalars } = operands.scalars;
      return adamw.update(parameter, { ...operands, scalars }, { ...settings, name: "adamw" });
    }
    const { states, scalars } = operands;
    const rate = scalars.muonLearningRate!;
    const { momentum } = lookAhead(operands, settings);
    const even = operands.together!.even!;
    const { muonNeuronMemory: memory } = settings;
    if (memory === undefined) return { step: multiply(even, rate), rate, states: { momentum } };
    const { direction, neurons } = evenNeurons(even, states.neurons, memory);
    return { step: multiply(direction, rate), rate, states: { momentum, neurons } };
  },
} satisfies Optimizer<Settings>;

/** A straight line from the first step's share. */
function momentumAt({ muonFirstMomentum = 0, muonMomentumSteps = 1, muonMomentum }: Settings, step: number): number {
  const done = Math.min(1, (step - 1) / muonMomentumSteps);
  return muonFirstMomentum + (muonMomentum - muonFirstMomentum) * done;
}

/** The new momentum, and Nesterov's step from it. */
function lookAhead({ gradient, states, scalars }: StepOperands, { muonMomentum }: Settings) {
  const share = scalars.momentum ?? scalars.muonMomentum ?? muonMomentum;
  if (states.momentum === undefined) return { momentum: gradient, nesterov: gradient };
  const momentum = add(multiply(states.momentum, share), gradient);
  return { momentum, nesterov: add(gradient, multiply(momentum, share)) };
}

/**
 * The directions of matrices (in, out) of one shape: each of their equal parts is orthogonalised and scaled by √max(1, out / in), so
 * that matrices of every shape move alike.
 */
function orthogonaliseAlike(group: readonly Prepared[], settings: Settings): [string, { readonly even: Tensor }][] {
  const { shape, parts } = group[0]!.parameter;
  const [rows, columns] = shape as [number, number];
  const steps = group.map(({ operands }) => reshape(lookAhead(operands, settings).nesterov, [1, rows, columns]));
  const even = orthogonalise(concat(steps, 0), parts, settings.muonCoefficients);
  const scale = Math.sqrt(Math.max(1, columns / parts / rows));
  return group.map(({ parameter }, i) => [
    parameter.name,
    { even: multiply(reshape(slice(even, 0, i, i + 1), shape), scale) },
  ]);
}

/** Steps of each output (a column) over the root of their mean square, and the whole as long as it was (NorMuon, algorithm 1). */
function evenNeurons(x: Tensor, old: Tensor | undefined, memory: number) {
  const neurons = blendMean(old, mean(multiply(x, x), [0]), memory);
  const evened = multiply(x, rsqrt(maximum(neurons, 1e-20)));
  return { direction: multiply(evened, divide(normOf(x), maximum(normOf(evened), 1e-20))), neurons };
}
