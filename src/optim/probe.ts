// A probe: a second gradient of a step's micro-batches, for what the gradient itself does not say. It is made after the first
// gradient is whole, at the same parameters, and added up over the micro-batches like it.

import { streams } from "../base/random.ts";
import { differentiate } from "../graph/gradient.ts";
import { add, divide, fill, less, multiply, randomBits, reshape, select, sum } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { globalNorm } from "./clip.ts";
import { findOptimizer, type OptimizerSettings } from "./optimizers.ts";

/** By name. */
type Parameters = ReadonlyMap<string, Tensor>;

/** What a probe may look at of one micro-batch. Losses are means, of one element. */
export interface ProbedLosses {
  loss(parameters: Parameters): Tensor;
  /** Of labels drawn from the model's predictions; `seed` is [1] u32. */
  sampledLoss(parameters: Parameters, seed: Tensor): Tensor;
  /** Labels of a micro-batch. */
  readonly labels: number;
}

/** Builds one micro-batch's probe. `gradients` are the step's mean gradients, `seed` is [1] u32. */
type Probe = (
  losses: ProbedLosses,
  parameters: Parameters,
  gradients: Parameters,
  seed: Tensor,
  settings: OptimizerSettings,
) => Parameters;

export type ProbeKind = "sharpness" | "sampled" | "curvature";

const probes: Readonly<Record<ProbeKind, Probe>> = {
  /** The gradient at w + ρ g / ‖g‖ (Foret et al. 2021, arXiv 2010.01412, equation 2). */
  sharpness: ({ loss }, parameters, gradients, _, { sharpness = 0 }) => {
    const distance = divide(sharpness, add(globalNorm(gradients.values()), 1e-12));
    const uphill = mapEach(parameters, (value, name) => add(value, multiply(gradients.get(name)!, distance)));
    return differentiateBy(loss(uphill), uphill);
  },
  /** √n times the gradient of n sampled labels: its square estimates the Gauss–Newton diagonal. */
  sampled: ({ sampledLoss, labels }, parameters, _, seed) =>
    mapEach(differentiateBy(sampledLoss(parameters, seed), parameters), value => multiply(value, Math.sqrt(labels))),
  /** v ⊙ H v for random signs v, whose mean is the diagonal of the Hessian (Yao et al. 2021, arXiv 2006.00719, equation 6). */
  curvature: ({ loss }, parameters, _, seed) => {
    const slopes = differentiateBy(loss(parameters), parameters);
    const signs = drawSigns(parameters, seed);
    const along = [...slopes].map(([name, slope]) => sumAll(multiply(slope, signs.get(name)!))).reduce(add);
    return mapEach(differentiateBy(along, parameters), (value, name) => multiply(value, signs.get(name)!));
  },
};

/** What a recipe's steps need beside the gradient; undefined for most. */
export function findProbe(settings: OptimizerSettings): ProbeKind | undefined {
  return settings.sharpness === undefined ? findOptimizer(settings).probe : "sharpness";
}

/** Steps 1, 1 + interval, … are due: they have the probe, and their update may be another than that of the steps between. */
export function findInterval(settings: OptimizerSettings): number {
  return findOptimizer(settings).findInterval?.(settings as never) ?? 1;
}

export function buildProbe(
  kind: ProbeKind,
  settings: OptimizerSettings,
  losses: ProbedLosses,
  parameters: Parameters,
  gradients: Parameters,
  seed: Tensor,
): Parameters {
  return probes[kind](losses, parameters, gradients, seed, settings);
}

/** 1 or -1 for every element, evenly. `seed` is [1] u32. */
export function drawSigns(parameters: Parameters, seed: Tensor): Parameters {
  const signs = [...parameters].map(([name, { shape }], i) => {
    const bits = randomBits(seed, (streams.curvature << 16) + i, shape);
    return [name, select(less(bits, 2 ** 31), fill(1, shape), -1)] as const;
  });
  return new Map(signs);
}

const sumAll = (x: Tensor) =>
  reshape(
    sum(
      x,
      x.shape.map((_, axis) => axis),
    ),
    [1],
  );

function differentiateBy(loss: Tensor, parameters: Parameters): Parameters {
  const gradients = differentiate(reshape(loss, [1]), [...parameters.values()]);
  return new Map([...parameters.keys()].map((name, i) => [name, gradients[i]!] as const));
}

const mapEach = (tensors: Parameters, map: (value: Tensor, name: string) => Tensor): Parameters =>
  new Map([...tensors].map(([name, value]) => [name, map(value, name)] as const));
