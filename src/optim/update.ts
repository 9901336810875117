// The update of a whole model: clip, then Muon for hidden matrices and AdamW for the rest, or AdamW for all. Scalars that
// change are graph inputs, so one compiled program serves the whole run.

import { input, multiply, state } from "../graph/operations.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import { type AdamWSettings, updateAdamW } from "./adamw.ts";
import { clipFactor, globalNorm } from "./clip.ts";
import { updateMuon } from "./muon.ts";

export type OptimizerSettings = AdamWSettings & {
  /** Peak learning rate of AdamW. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Global gradient norm above which gradients are scaled down to it; 0 turns clipping off. */
  readonly clip: number;
} & ({ readonly name: "adamw" } | MuonSettings);

interface MuonSettings {
  readonly name: "muon";
  readonly muonLearningRate: number;
  readonly muonMomentum: number;
}

/** What the optimizer needs to know of a parameter. */
export interface OptimizedParameter {
  readonly name: string;
  readonly shape: Shape;
  readonly role: "matrix" | "embedding" | "norm" | "scale";
  readonly parts: number;
}

function usesMuon(
  parameter: OptimizedParameter,
  settings: OptimizerSettings,
): settings is OptimizerSettings & MuonSettings {
  return settings.name === "muon" && parameter.role === "matrix";
}

/** Names and shapes of the optimizer's states. */
export function listMoments(
  parameters: readonly OptimizedParameter[],
  settings: OptimizerSettings,
): Map<string, Shape> {
  return new Map(
    parameters.flatMap(parameter => {
      const kinds = usesMuon(parameter, settings) ? ["momentum"] : ["first", "second"];
      return kinds.map(kind => [`${kind}.${parameter.name}`, parameter.shape] as const);
    }),
  );
}

/** New values of every parameter and moment, by state name, and the gradient's norm before clipping, shape [1]. */
export function buildUpdate(
  listed: readonly OptimizedParameter[],
  settings: OptimizerSettings,
  parameters: ReadonlyMap<string, Tensor>,
  gradients: ReadonlyMap<string, Tensor>,
): { readonly updates: Record<string, Tensor>; readonly gradientNorm: Tensor } {
  const gradientNorm = globalNorm(gradients.values());
  const scalar = (name: string) => input(name, [1], "f32");
  const rates = {
    learningRate: scalar("learningRate"),
    correction1: scalar("correction1"),
    correction2: scalar("correction2"),
  };
  const muonRate = scalar("muonLearningRate");
  const updates: Record<string, Tensor> = {};
  for (const parameter of listed) {
    const { name, shape, role, parts } = parameter;
    const old = parameters.get(name)!;
    const raw = gradients.get(name)!;
    const gradient = settings.clip > 0 ? multiply(raw, clipFactor(gradientNorm, settings.clip)) : raw;
    // The reference decays all but norms: the embedding and the position scale too.
    const weightDecay = role === "norm" ? 0 : settings.weightDecay;
    if (usesMuon(parameter, settings)) {
      const momentum = state(`momentum.${name}`, shape);
      const muon = { momentum: settings.muonMomentum, weightDecay, parts };
      const result = updateMuon(old, gradient, momentum, muon, muonRate);
      updates[name] = result.parameter;
      updates[`momentum.${name}`] = result.momentum;
      continue;
    }
    const moments = { first: state(`first.${name}`, shape), second: state(`second.${name}`, shape) };
    const result = updateAdamW(old, gradient, moments, settings, rates, weightDecay);
    updates[name] = result.parameter;
    updates[`first.${name}`] = result.first;
    updates[`second.${name}`] = result.second;
  }
  return { updates, gradientNorm };
}

/** Values of the update's scalar inputs at step t = 1, 2, … with learning rates at `rateScale` of their peaks. */
export function scheduleInputs(
  settings: OptimizerSettings,
  step: number,
  rateScale: number,
): Record<string, Float32Array> {
  return {
    learningRate: Float32Array.of(settings.learningRate * rateScale),
    ...(settings.name === "muon" ? { muonLearningRate: Float32Array.of(settings.muonLearningRate * rateScale) } : {}),
    correction1: Float32Array.of(1 - settings.beta1 ** step),
    correction2: Float32Array.of(1 - settings.beta2 ** step),
  };
}
