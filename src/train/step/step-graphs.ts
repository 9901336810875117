// The graphs of a step. A step of any number of micro-batches is several: the gradients of the first micro-batch (gradients := g), of
// the following ones (+=), the update, and validation. A step of one can be one graph, and then a gradient need not be written before
// its update reads it.

import { differentiate } from "../../graph/gradient.ts";
import { add, input, multiply, reshape, sqrt, state } from "../../graph/operations.ts";
import type { Graph, Shape, Tensor } from "../../graph/tensor.ts";
import type { Parameters } from "../../model/layer-parts.ts";
import { globalNorm } from "../../optim/clip.ts";
import { measureProducts } from "../../optim/gradient-products.ts";
import { compactGradient } from "../../optim/lazy-rows.ts";
import { guardUpdates } from "./guard.ts";
import { readGradientScale, readLossShare, type Scaling, scaleLoss } from "./loss-scaler.ts";
import { listGradients, lossSum, nameGradient, nameProbe, nameSeen } from "./states.ts";
import type { StepDefinition, TrainingDefinition, TrainingProbe } from "./training-definition.ts";

/** The graphs of training: `first` sets the gradients of a micro-batch, `next` adds to them where a step has several. */
export interface StepGraphs {
  readonly first: Graph;
  readonly next?: Graph;
  readonly update: Graph;
  readonly validation: Graph;
  /** Like first and next, of the probe. */
  readonly firstProbe?: Graph;
  readonly nextProbe?: Graph;
  /** The update of steps that are not due. */
  readonly updateBetween?: Graph;
  readonly takeAverage?: Graph;
  readonly averageValidation?: Graph;
}

/** Named values, as states that a graph sets or adds to. */
type Named = readonly (readonly [name: string, value: Tensor])[];

const declareParameters = ({ parameters }: Pick<StepDefinition, "parameters">) =>
  declareStates(parameters, name => name);

function declareStates(shapes: ReadonlyMap<string, Shape>, nameOf: (name: string) => string): Map<string, Tensor> {
  return new Map([...shapes].map(([name, shape]) => [name, state(nameOf(name), shape)] as const));
}

/** Of the loss or, where it is scaled, of that times the scale; by parameter. */
function differentiateLoss(loss: Tensor, parameters: Parameters, scaling: Scaling): Map<string, Tensor> {
  const gradients = differentiate(scaleLoss(loss, scaling), [...parameters.values()]);
  return new Map([...parameters.keys()].map((name, i) => [name, gradients[i]!] as const));
}

/**
 * A step of one micro-batch as one graph, with this loss. Outputs loss and, where losses are scaled, gradientNorm, [1] each.
 * A definition says that it clips, for that alone and a scaled loss need every gradient in memory.
 */
export function buildWholeStep(
  definition: StepDefinition & { readonly clips: boolean },
  computeLoss: (parameters: Parameters) => Tensor,
  scaling: Scaling = {},
): Graph {
  const parameters = declareParameters(definition);
  const loss = reshape(computeLoss(parameters), [1]);
  const scaled = differentiateLoss(loss, parameters, scaling);
  const gradients = scaling.scalesLoss ? takeMeans(scaled, readGradientScale()) : scaled;
  const { updates, gradientNorm } = definition.update(parameters, gradients, { isDue: true, seen: {} });
  const norm = scaling.scalesLoss || definition.clips ? reshape(gradientNorm, [1]) : undefined;
  const outputs = scaling.scalesLoss ? { loss, gradientNorm: norm! } : { loss };
  return { outputs, updates: guardUpdates(updates, loss, norm) };
}

export function buildStepGraphs(definition: TrainingDefinition, scaling: Scaling = {}): StepGraphs {
  const parameters = declareParameters(definition);
  const { observations } = definition;
  const computed = observations?.compute(parameters) ?? { loss: definition.loss(parameters) };
  const loss = reshape(computed.loss, [1]);
  const validationLoss = reshape(definition.validationLoss?.(parameters) ?? loss, [1]);
  const seen = Object.entries(computed.seen ?? {}).map(([name, value]) => [nameSeen(name), value] as const);
  const gradients = nameGradients(loss, parameters, definition, scaling);
  return {
    ...accumulate([...gradients, ...seen, [lossSum, loss]], definition),
    update: buildUpdateGraph(definition, parameters, true, scaling),
    validation: { outputs: { loss: validationLoss }, updates: {} },
    ...(definition.probe !== undefined && buildProbeGraphs(definition, definition.probe, parameters)),
    ...((definition.interval ?? 1) > 1 && { updateBetween: buildUpdateGraph(definition, parameters, false, scaling) }),
    ...(definition.average !== undefined && buildAverageGraphs(definition.average, definition, parameters)),
  };
}

/** Like first and next, of sequences that are cut into so many pieces. */
export function buildCutGraphs(
  definition: TrainingDefinition,
  scaling: Scaling,
): ReadonlyMap<number, Pick<StepGraphs, "first" | "next">> {
  const parameters = declareParameters(definition);
  return new Map(
    [...(definition.cutLosses ?? [])].map(([pieces, compute]) => {
      const loss = reshape(compute(parameters), [1]);
      const gradients = nameGradients(loss, parameters, definition, scaling);
      return [pieces, accumulate([...gradients, [lossSum, loss]], definition)];
    }),
  );
}

function nameGradients(
  loss: Tensor,
  parameters: Parameters,
  { lazy }: Pick<TrainingDefinition, "lazy">,
  scaling: Scaling,
): Named {
  const gradients = differentiateLoss(loss, parameters, scaling);
  if (lazy !== undefined) gradients.set(lazy.parameter, compactGradient(gradients.get(lazy.parameter)!, lazy));
  return Array.from(gradients, ([name, value]) => [nameGradient(name), value] as const);
}

/** A graph that sets states to these values, and one that adds them where there are several micro-batches. */
function accumulate(
  named: Named,
  {
    recomputes = false,
    measuresGradients = false,
    isOfOne = false,
  }: Pick<TrainingDefinition, "recomputes" | "measuresGradients" | "isOfOne">,
): Pick<StepGraphs, "first" | "next"> {
  const measured = new Map(measuresGradients ? named.filter(([name]) => name.startsWith(nameGradient(""))) : []);
  const first = { outputs: measureProducts(measured, undefined), updates: Object.fromEntries(named), recomputes };
  if (isOfOne) return { first };
  const added = named.map(([name, value]) => [name, add(state(name, value.shape), value)] as const);
  const sums = new Map([...measured].map(([name, { shape }]) => [name, state(name, shape)] as const));
  const next = { outputs: measureProducts(measured, sums), updates: Object.fromEntries(added), recomputes };
  return { first, next };
}

function buildAverageGraphs(
  { take, read }: NonNullable<TrainingDefinition["average"]>,
  { loss, validationLoss = loss }: TrainingDefinition,
  parameters: Parameters,
) {
  return {
    takeAverage: { outputs: {}, updates: take(parameters) },
    averageValidation: { outputs: { loss: reshape(validationLoss(read(parameters)), [1]) }, updates: {} },
  };
}

const takeMeans = (sums: Parameters, scale: Tensor): Map<string, Tensor> =>
  new Map([...sums].map(([name, sum]) => [name, multiply(sum, scale)] as const));

function buildProbeGraphs(
  { parameters: shapes, recomputes, isOfOne }: TrainingDefinition,
  probe: TrainingProbe,
  parameters: Parameters,
) {
  const gradients = takeMeans(declareStates(shapes, nameGradient), readGradientScale());
  const probed = probe.gradients(parameters, gradients, input("probeSeed", [1], "u32"));
  const named = [...probed].map(([name, value]) => [nameProbe(name), value] as const);
  const { first, next } = accumulate(named, { recomputes, isOfOne });
  return { firstProbe: first, ...(next !== undefined && { nextProbe: next }) };
}

function buildUpdateGraph(definition: TrainingDefinition, parameters: Parameters, isDue: boolean, scaling: Scaling) {
  const scale = readGradientScale();
  const gradients = takeMeans(declareStates(listGradients(definition), nameGradient), scale);
  const probe = isDue ? readProbe(definition, scale) : undefined;
  const seen = Object.fromEntries(declareStates(definition.observations?.shapes ?? new Map(), nameSeen));
  const { updates, gradientNorm } = definition.update(parameters, gradients, { isDue, probe, seen });
  const loss = multiply(state(lossSum, [1]), readLossShare(scaling));
  const norm = reshape(gradientNorm, [1]);
  const allNorms = probe === undefined ? norm : add(norm, globalNorm(probe.values()));
  return { outputs: { loss, gradientNorm: norm }, updates: guardUpdates(updates, loss, allNorms) };
}

function readProbe({ parameters, probe }: TrainingDefinition, scale: Tensor): Parameters | undefined {
  if (probe === undefined) return undefined;
  return takeMeans(declareStates(parameters, nameProbe), probe.scaling === "mean" ? scale : sqrt(scale));
}
