// The update of a whole model: the gradient is clipped, then each parameter decays and takes its optimizer's step. Scalars that
// change are graph inputs, so one compiled program serves the whole run.

import {
  add,
  divide,
  fill,
  gather,
  input,
  iota,
  less,
  multiply,
  replaceRows,
  reshape,
  select,
  state,
  subtract,
  sum,
} from "../graph/operations.ts";
import { countElements, type Shape, type Tensor, type TensorType } from "../graph/tensor.ts";
import { clipFactor, globalNorm } from "./clip.ts";
import { dequantise, findSign, listQuantised, type MomentSign, quantise } from "./eight-bits.ts";
import { declareTouched, lazyParameter, type TouchedRows } from "./lazy-rows.ts";
import type { OptimizedParameter, StepOperands } from "./optimizer.ts";
import { findOptimizer, type OptimizerSettings } from "./optimizers.ts";
import { findRateFactor } from "./rates.ts";

const nameState = (state: string, parameter: OptimizedParameter) => `${state}.${parameter.name}`;

/** Names and types of the optimizer's states. */
export function listMoments(
  parameters: readonly OptimizedParameter[],
  settings: OptimizerSettings,
): Map<string, TensorType> {
  return new Map(
    parameters.flatMap(parameter =>
      listStates(parameter, settings).flatMap(({ kind, shape, sign }): (readonly [string, TensorType])[] => {
        const name = nameState(kind, parameter);
        if (sign === undefined) return [[name, { shape, dtype: "f32" }]];
        const { codes, scales } = listQuantised(shape, settings.momentBlock!);
        return [
          [name, codes],
          [nameState(scaleOf(kind), parameter), scales],
        ];
      }),
    ),
  );
}

interface ListedState {
  readonly kind: string;
  readonly shape: Shape;
  /** Of a moment that is kept in eight bits. */
  readonly sign: MomentSign | undefined;
}

function listStates(parameter: OptimizedParameter, settings: OptimizerSettings): readonly ListedState[] {
  const { listStates: list, moments } = findOptimizer(settings);
  return Object.entries(list(parameter, settings as never)).map(([kind, shape]) => ({
    kind,
    shape,
    sign: findSign(settings, parameter, shape, moments?.[kind]),
  }));
}

const scaleOf = (kind: string) => `${kind}Scale`;

/** What a step reads of a state, in f32. */
function readState({ kind, shape, sign }: ListedState, parameter: OptimizedParameter, block: number): Tensor {
  const name = nameState(kind, parameter);
  if (sign === undefined) return state(name, shape);
  const { codes, scales } = listQuantised(shape, block);
  const scale = state(nameState(scaleOf(kind), parameter), scales.shape);
  return dequantise(state(name, codes.shape, codes.dtype), scale, shape, sign);
}

/** A state's new values, as it is kept. */
function keepState(
  { kind, sign }: ListedState,
  value: Tensor,
  parameter: OptimizedParameter,
  block: number,
): readonly (readonly [string, Tensor])[] {
  const name = nameState(kind, parameter);
  if (sign === undefined) return [[name, value]];
  const { codes, scales } = quantise(value, block, sign);
  return [
    [name, codes],
    [nameState(scaleOf(kind), parameter), scales],
  ];
}

/** Values that a schedule changes; of a graph only which of them there are. */
export interface ScheduledValues {
  readonly momentum?: number;
  readonly weightDecay?: number;
}

/** What a step may be besides its gradient. */
export interface StepKind {
  /** Whether it is one of every so many. */
  readonly isDue: boolean;
  /** Names of the parameters that are updated; all, unless said. */
  readonly updated?: ReadonlySet<string> | undefined;
  /** The second gradient, by parameter, where the step has one. */
  readonly probe?: ReadonlyMap<string, Tensor> | undefined;
}

/**
 * New values of every parameter and moment, by state name, and the gradient's norm before clipping, shape [1]. With sharpness the
 * probe is the gradient. Of a lazy embedding the gradient has the touched rows alone.
 */
export function buildUpdate(
  listed: readonly OptimizedParameter[],
  settings: OptimizerSettings,
  parameters: ReadonlyMap<string, Tensor>,
  first: ReadonlyMap<string, Tensor>,
  { isDue, probe, updated }: StepKind = { isDue: true },
  scheduled: ScheduledValues = {},
): { readonly updates: Record<string, Tensor>; readonly gradientNorm: Tensor } {
  const optimizer = findOptimizer(settings);
  const isSharp = settings.sharpness !== undefined;
  const { momentBlock = 0 } = settings;
  const gradients = isSharp ? probe! : first;
  const { rates = ["learningRate"] } = optimizer;
  const gradientNorm = globalNorm(gradients.values());
  const scalars = mapValues(scheduleInputs(settings, 1, 1, scheduled), (_, name) => input(name, [1], "f32"));
  const clippedOf = ({ name }: OptimizedParameter) => {
    const raw = gradients.get(name)!;
    return settings.clip > 0 ? multiply(raw, clipFactor(gradientNorm, settings.clip)) : raw;
  };
  // The reference decays all but norms: the embedding and the position scale too.
  const decayOf = ({ role }: OptimizedParameter) =>
    role === "norm" ? 0 : (scalars.weightDecay ?? settings.weightDecay);
  const touchedOf = ({ name }: OptimizedParameter) =>
    settings.lazyEmbedding === true && name === lazyParameter
      ? declareTouched(gradients.get(name)!.shape[0]!)
      : undefined;
  const prepare = (parameter: OptimizedParameter, clipped = clippedOf(parameter)): StepOperands => {
    const touched = touchedOf(parameter);
    const readRows = (whole: Tensor) => (touched === undefined ? whole : gather(whole, touched.rows));
    const value = readRows(parameters.get(parameter.name)!);
    const weightDecay = decayOf(parameter);
    const factor = findRateFactor(parameter, listed, settings);
    const held = listStates(parameter, settings);
    return {
      value,
      gradient: optimizer.decay === "coupled" ? add(clipped, multiply(value, weightDecay)) : clipped,
      states: Object.fromEntries(held.map(each => [each.kind, readRows(readState(each, parameter, momentBlock))])),
      scalars: mapValues(scalars, (value, kind) =>
        rates.includes(kind) && factor !== 1 ? multiply(value, factor) : value,
      ),
      weightDecay,
      isDue,
      probe: isSharp ? undefined : probe?.get(parameter.name),
    };
  };
  const own = updated === undefined ? listed : listed.filter(({ name }) => updated.has(name));
  const all = optimizer.prepareAll && own.map(parameter => ({ parameter, operands: prepare(parameter) }));
  const together = all && optimizer.prepareAll?.(all, settings as never);
  const updates: Record<string, Tensor> = {};
  for (const parameter of own) {
    const { name } = parameter;
    const clipped = clippedOf(parameter);
    const operands = { ...prepare(parameter, clipped), together: together?.get(name) };
    const { value, weightDecay } = operands;
    const { step: whole, rate, states } = optimizer.update(parameter, operands, settings as never);
    const step = settings.cautious === true ? keepAgreeing(whole, clipped) : whole;
    const isDecoupled = optimizer.decay === "decoupled";
    const kept = isDecoupled ? decay(value, step, multiply(rate, weightDecay), settings.cautiousDecay) : value;
    const touched = touchedOf(parameter);
    const writeRows = (whole: Tensor, moved: Tensor) =>
      touched === undefined ? moved : replaceTouched(whole, moved, touched);
    updates[name] = writeRows(parameters.get(name)!, subtract(kept, step));
    for (const each of listStates(parameter, settings)) {
      // Between due steps some stay as they are.
      const kept = states[each.kind];
      if (kept === undefined) continue;
      const whole = readState(each, parameter, momentBlock);
      Object.assign(updates, Object.fromEntries(keepState(each, writeRows(whole, kept), parameter, momentBlock)));
    }
  }
  return { updates, gradientNorm };
}

/** The table with the rows that a step touched as it moved them. */
function replaceTouched(table: Tensor, moved: Tensor, { rows, count }: TouchedRows): Tensor {
  const most = rows.shape[0]!;
  const isTouched = reshape(less(iota(most), count), [most, 1]);
  return replaceRows(table, rows, select(isTouched, moved, gather(table, rows)));
}

/** Decoupled decay; a cautious one leaves what the step would grow (Chen et al. 2025, algorithm 1). */
function decay(value: Tensor, step: Tensor, share: Tensor, isCautious = false): Tensor {
  const kept = multiply(value, subtract(1, share));
  return isCautious ? select(less(multiply(step, value), 0), value, kept) : kept;
}

/** The step where it goes against the gradient, scaled up by n / (kept + 1) (Liang et al. 2024, algorithm 1). */
function keepAgreeing(step: Tensor, gradient: Tensor): Tensor {
  const agrees = less(0, multiply(step, gradient));
  const kept = sum(
    select(agrees, fill(1, step.shape), 0),
    step.shape.map((_, axis) => axis),
  );
  return select(agrees, multiply(step, divide(countElements(step.shape), add(kept, 1))), 0);
}

/** Values of the update's scalar inputs at step t = 1, 2, … with learning rates at `rateScale` of their peaks. */
export function scheduleInputs(
  settings: OptimizerSettings,
  step: number,
  rateScale: number,
  scheduled: ScheduledValues = {},
): Record<string, Float32Array> {
  const { readScalars, momentum: name = "" } = findOptimizer(settings);
  const current = scheduled.momentum === undefined ? settings : { ...settings, [name]: scheduled.momentum };
  const scalars = { ...readScalars(current as never, step, rateScale), ...scheduled };
  return mapValues(scalars, value => Float32Array.of(value));
}

function mapValues<From, To>(values: Readonly<Record<string, From>>, map: (value: From, name: string) => To) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value, name)]));
}
