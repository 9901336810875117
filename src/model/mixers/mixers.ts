// The mixers there are. A line here is all that the rest needs to know of one.

import { z } from "zod";
import { listSchemas } from "../../base/listed-schemas.ts";
import { describeChoice } from "../../settings/choices.ts";
import { checkRecord, type FieldKinds, growChoice } from "../../settings/grow-choice.ts";
import { attention, defaultAttention } from "./attention.ts";
import { fourier } from "./fourier.ts";
import { gatedUnit } from "./gated-unit.ts";
import { identity } from "./identity.ts";
import type { Mixer } from "./mixer.ts";

export const mixers = [attention, fourier, gatedUnit, identity] as const;

/** The mixer section of a shape. */
export const mixerSchema = describeChoice(z.discriminatedUnion("name", listSchemas(mixers)), mixers);

export type MixerSettings = z.output<typeof mixerSchema>;

const mixerFields: FieldKinds<Mixer> = {
  ...{ name: "text", summary: "text", source: "text", schema: "schema" },
  ...{ rotates: "flag", separates: "flag", asksFew: "function", hasHeads: "flag", listParameters: "function" },
  ...{ apply: "function", countProducts: "function", listTables: "function", findFault: "function" },
};

/** Adds a mixer of one's own, as addOptimizer does an optimizer. UserError E_EXTENSION for a name that is taken, or a record that lacks something. */
export function addMixer<Schema extends z.ZodObject>(
  mixer: Mixer<z.output<Schema>> & { readonly schema: Schema },
): (settings: Omit<z.input<Schema>, "name">) => MixerSettings {
  checkRecord<Mixer>("addMixer", mixer, mixerFields);
  growChoice(mixerSchema, mixer.schema, mixer.name);
  (mixers as unknown as Mixer[]).push(mixer as unknown as Mixer);
  return settings => ({ ...settings, name: mixer.name }) as unknown as MixerSettings;
}

/** A mixer and the settings that it has in a layer. */
export interface ChosenMixer {
  readonly mixer: Mixer;
  readonly settings: never;
}

export const chooseMixer = (settings: MixerSettings): ChosenMixer => ({
  mixer: mixers.find(({ name }) => name === settings.name) as Mixer,
  settings: settings as never,
});

/** What mixes in a layer. */
export function findMixer(section: MixerSettings, layer: number, layers: number): ChosenMixer {
  const isLate = section.name === "fourier" && layer >= layers - section.attentionLayers;
  return chooseMixer(isLate ? defaultAttention : section);
}
