// The file of a fitted law: what was trained, the law, its resamples, and what the smaller sizes had said of the largest. Small, and
// enough to predict other runs from.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { readJson, writeFileAtomically } from "../base/files/files.ts";
import { openSealed, seal } from "../base/sealed-json.ts";

const number = z.number();
const law = z.strictObject({
  irreducible: number,
  parameterFactor: number,
  parameterExponent: number,
  tokenFactor: number,
  tokenExponent: number,
});
const count = z.number().nonnegative();

const lawFileSchema = z.strictObject({
  format: z.literal("cramming-scaling-law"),
  version: z.literal(1),
  /** Whole, of the size that the ladder was built around. */
  recipe: z.record(z.string(), z.unknown()),
  /** Hash of the documents. */
  dataset: z.string(),
  sizes: z.array(z.strictObject({ name: z.string(), parameters: count, flopsPerToken: count })),
  trainings: z.array(
    z.strictObject({
      size: z.string(),
      budget: z.string(),
      seed: z.int(),
      loss: number,
      tokens: count,
      steps: count,
      elapsedSeconds: count,
    }),
  ),
  /** Trainings that came apart, which no law is fitted to. */
  failed: z.int(),
  law,
  objective: number,
  resampled: z.array(z.strictObject({ law, residual: number })),
  /** The largest size at each budget: by the law of the others, and as it came. */
  heldOut: z
    .strictObject({
      size: z.string(),
      /** Whether that law was stored before the size was trained. */
      wasBefore: z.boolean(),
      budgets: z.array(
        z.strictObject({
          budget: z.string(),
          tokens: count,
          loss: number,
          low: number,
          high: number,
          measured: number,
        }),
      ),
    })
    .exactOptional(),
});

export type LawFile = z.infer<typeof lawFileSchema>;
export type LadderTraining = LawFile["trainings"][number];

export function writeLawFile(path: string, content: Omit<LawFile, "format" | "version">): void {
  const whole: LawFile = { format: "cramming-scaling-law", version: 1, ...content };
  // Resamples are hundreds: a line each.
  const short = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(7)) : value);
  const text = JSON.stringify(seal(JSON.parse(JSON.stringify(whole, short)) as LawFile));
  writeFileAtomically(path, `${text.replaceAll('{"law":', '\n{"law":').replaceAll('{"size":', '\n{"size":')}\n`);
}

/** UserErrors: those of reading, E_SCALE for a file that is no law. */
export function readLawFile(path: string): LawFile {
  const json = openSealed(readJson(path, "scaling law"));
  if (json === undefined) {
    throw new UserError(
      "E_SCALE",
      `${path}: this law was changed: its hash is of other content`,
      "Remove it: cram scale writes it again from the trainings.",
    );
  }
  const parsed = lawFileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UserError(
    "E_SCALE",
    `${path}: no scaling law of version 1: ${issue.path.join(".") || "the file"}: ${issue.message}`,
    "Give the law.json, or the folder, that cram scale wrote.",
  );
}
