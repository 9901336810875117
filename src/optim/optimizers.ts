// The optimizers there are. A line here is all that the rest needs to know of one.

import { z } from "zod";
import { listSchemas } from "../base/listed-schemas.ts";
import { checkRecord, type FieldKinds, growChoice } from "../settings/grow-choice.ts";
import { adafactor } from "./adaptive/adafactor.ts";
import { adam } from "./adaptive/adam.ts";
import { adamw } from "./adaptive/adamw.ts";
import { adamwScale } from "./adaptive/adamw-scale.ts";
import { lamb } from "./adaptive/lamb.ts";
import { nadam } from "./adaptive/nadam.ts";
import { radam } from "./adaptive/radam.ts";
import { adaHessian } from "./curvature/ada-hessian.ts";
import { sophia } from "./curvature/sophia.ts";
import { findSign } from "./eight-bits.ts";
import { muon } from "./matrix/muon.ts";
import { shampoo } from "./matrix/shampoo.ts";
import { soap } from "./matrix/soap.ts";
import { lars } from "./momentum/lars.ts";
import { lion } from "./momentum/lion.ts";
import { sgd } from "./momentum/sgd.ts";
import type { OptimizedParameter, Optimizer } from "./optimizer.ts";
import { findRateFault } from "./rates.ts";

export const optimizers = [
  adamw,
  muon,
  sgd,
  lars,
  lion,
  adam,
  adamwScale,
  radam,
  nadam,
  adafactor,
  lamb,
  sophia,
  adaHessian,
  shampoo,
  soap,
] as const;

/** The optimizer section of a recipe. */
export const optimizerSchema = z.discriminatedUnion("name", listSchemas(optimizers));

export type OptimizerSettings = z.infer<typeof optimizerSchema>;

export function findOptimizer({ name }: OptimizerSettings): Optimizer {
  return optimizers.find(optimizer => optimizer.name === name)!;
}

/** Peak rates beside learningRate's, by the names of their settings, as multiples of it: one schedule moves them all. */
export function listRateFactors(settings: OptimizerSettings): Record<string, number> {
  const { rates = [] } = findOptimizer(settings);
  const peaks: Readonly<Record<string, unknown>> = settings;
  return Object.fromEntries(
    rates.filter(name => name !== "learningRate").map(name => [name, Number(peaks[name]) / settings.learningRate]),
  );
}

const optimizerFields: FieldKinds<Optimizer> = {
  ...{ name: "text", summary: "text", source: "text", schema: "schema", decay: "text" },
  ...{ listStates: "function", readScalars: "function", update: "function" },
};

/**
 * Adds an optimizer of one's own to the list: recipes, --set, `cram recipe --list` and checkpoints know it from then on, in this
 * process. Gives what makes a recipe's optimizer section of its settings.
 *
 * ```ts
 * const signDescent = addOptimizer({
 *   name: "sign-descent",
 *   summary: "every element moves by the learning rate",
 *   source: "Bernstein et al. 2018, arXiv 1802.04434",
 *   schema: z.strictObject({ name: z.literal("sign-descent"), ...commonSettings }),
 *   decay: "decoupled",
 *   listStates: () => ({}),
 *   readScalars: ({ learningRate }, _, rateScale) => ({ learningRate: learningRate * rateScale }),
 *   update: (_, { gradient, scalars }) => ({
 *     step: multiply(select(less(0, gradient), 1, select(less(gradient, 0), -1, 0)), scalars.learningRate!),
 *     rate: scalars.learningRate!,
 *     states: {},
 *   }),
 * });
 * ```
 *
 * UserError E_EXTENSION for a name that is taken, and for a record that lacks something.
 */
export function addOptimizer<Schema extends z.ZodObject>(
  optimizer: Optimizer<z.output<Schema>> & { readonly schema: Schema },
): (settings: Omit<z.input<Schema>, "name">) => OptimizerSettings {
  checkRecord<Optimizer>("addOptimizer", optimizer, optimizerFields);
  growChoice(optimizerSchema, optimizer.schema, optimizer.name);
  (optimizers as unknown as Optimizer[]).push(optimizer as unknown as Optimizer);
  return settings => ({ ...settings, name: optimizer.name }) as unknown as OptimizerSettings;
}

function quantises(parameter: OptimizedParameter, settings: OptimizerSettings): boolean {
  const { listStates, moments } = findOptimizer(settings);
  const states = Object.entries(listStates(parameter, settings as never));
  return states.some(([kind, shape]) => findSign(settings, parameter, shape, moments?.[kind]) !== undefined);
}

/** Why some rows of an embedding cannot be moved without the others; undefined where they can. */
export function findRowsFault(settings: OptimizerSettings) {
  const { name, movesElements } = findOptimizer(settings);
  if (movesElements !== true) {
    const message = `lazyEmbedding moves some rows without the others, and the step of ${name} is not known to be one element's alone`;
    return { message, advice: "Leave it out, or take adamw or muon." };
  }
  const clashing = (["sharpness", "momentBlock", "cautious"] as const).find(key => settings[key]);
  if (clashing === undefined) return undefined;
  const message = `lazyEmbedding gives the update some rows of the embedding, and ${clashing} wants all`;
  return { message, advice: "Leave out one of the two." };
}

/** What goes wrong together although each setting is right, and what to do; undefined where nothing does. */
export function findOptimizerFault(settings: OptimizerSettings, parameters: readonly OptimizedParameter[]) {
  const { name, decay, probe, findFault, findInterval } = findOptimizer(settings);
  if (probe !== undefined && settings.sharpness !== undefined) {
    const message = `sharpness and ${name} each want the second gradient of a step`;
    return { message, advice: "Leave out sharpness, or take another optimizer." };
  }
  const rowsFault = settings.lazyEmbedding === true ? findRowsFault(settings) : undefined;
  if (rowsFault !== undefined) return rowsFault;
  if (settings.momentBlock !== undefined && !parameters.some(parameter => quantises(parameter, settings))) {
    const message = `momentBlock changes nothing: ${name} keeps no moment of a matrix of 4096 numbers or more in its shape`;
    return { message, advice: "Leave it out, or take another optimizer or a larger model." };
  }
  const interval = findInterval?.(settings as never) ?? 1;
  if (settings.sharpness !== undefined && interval > 1) {
    const message = `sharpness takes the second gradient at every step, and ${name} has other steps between those of its interval ${interval}`;
    return { message, advice: "Leave out sharpness, or set optimizer.interval=1." };
  }
  const fault = findFault?.(settings as never) ?? findRateFault(parameters, settings);
  if (fault !== undefined || settings.cautiousDecay !== true) return fault;
  if (decay !== "decoupled") {
    const message = `cautiousDecay changes nothing under ${name}, whose decay is a part of its step`;
    return { message, advice: "Leave it out, or take adamw." };
  }
  if (settings.weightDecay > 0) return undefined;
  return { message: "cautiousDecay changes nothing with weightDecay 0", advice: "Leave it out, or set weightDecay." };
}
