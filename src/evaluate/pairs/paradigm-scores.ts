// A model's accuracy on minimal pairs, paradigm by paradigm, without any training. Each is stored when it is done, under
// evaluations/blimp/<paradigm>/, and not scored again for the same model and pairs.

import { join } from "node:path";
import { z } from "zod";
import type { Backend } from "../../backends/backend.ts";
import { contentHash, readJson, writeFileAtomically } from "../../base/files/files.ts";
import { recoverFolder, replaceFiles } from "../../base/files/folder-draft.ts";
import { formatSealed, openSealed } from "../../base/sealed-json.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import type { Cell, Scoreboard } from "../scores/scoreboard.ts";
import type { Paradigm } from "./blimp.ts";
import { openPairScorer } from "./minimal-pairs.ts";

const scoreSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  phenomenon: z.string(),
  pairs: z.number().int(),
  /** Share of the pairs whose good sentence scores higher; ties count half. */
  accuracy: z.number(),
  /** What stood before each sentence. */
  opening: z.number().int(),
  hashes: z.strictObject({ model: z.string(), data: z.string() }),
});

export type ParadigmScore = z.infer<typeof scoreSchema>;

export interface ParadigmOptions {
  readonly backend: Backend;
  readonly model: PretrainedModel;
  readonly paradigms: readonly Paradigm[];
  /** The token before every sentence; see openPairScorer. */
  readonly opening: number;
  /** The folder evaluations/. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/** What stands before a text in a model's pretraining: in our runs the separator of the text before, elsewhere <cls>. */
export function openingOf({ kind, specials }: Pick<PretrainedModel, "kind" | "specials">): number {
  return kind === "run" ? specials.separator : specials.classify;
}

/** Ends early, without a word, when the signal says so. */
export async function* scoreParadigms(
  options: ParadigmOptions,
): AsyncGenerator<{ readonly score: ParadigmScore; readonly isNew: boolean }, void> {
  const { backend, model, paradigms, opening, root, signal } = options;
  const scorer = openPairScorer(backend, model, opening);
  for (const { name, phenomenon, pairs } of paradigms) {
    const folder = join(root, "blimp", name);
    const hashes = { model: model.hash, data: contentHash(JSON.stringify(pairs)) };
    const stored = readScore(folder);
    if (stored?.hashes.model === hashes.model && stored.hashes.data === hashes.data && stored.opening === opening) {
      yield { score: stored, isNew: false };
      continue;
    }
    if (signal.aborted) return;
    const scored = await scorer.score(pairs);
    const accuracy = scored.reduce((sum, { outcome }) => sum + outcome, 0) / scored.length;
    const score: ParadigmScore = {
      ...{ version: 1, name, phenomenon, pairs: pairs.length },
      ...{ accuracy, opening, hashes },
    };
    const lines = scored.map((each, i) => `${JSON.stringify({ ...pairs[i]!, scores: [each.good, each.bad] })}\n`);
    await replaceFiles(folder, { own: ["predictions.jsonl", "result.json"], last: "result.json" }, async draft => {
      writeFileAtomically(join(draft, "predictions.jsonl"), lines.join(""));
      writeFileAtomically(join(draft, "result.json"), formatSealed(score));
    });
    yield { score, isNew: true };
  }
}

/** UserErrors of recoverFolder, where a writer was killed. */
function readScore(folder: string): ParadigmScore | undefined {
  recoverFolder(folder);
  try {
    return scoreSchema.safeParse(openSealed(readJson(join(folder, "result.json"), "score"))).data;
  } catch {
    return undefined;
  }
}

/** One column a phenomenon, the mean of its paradigms; the average is over all paradigms, as BLiMP reports it. In percent. */
export function makePairScoreboard(model: string, scores: readonly ParadigmScore[]): Scoreboard {
  const groups = new Map<string, number[]>();
  for (const { name, phenomenon, accuracy } of scores) {
    const key = phenomenon || name;
    groups.set(key, [...(groups.get(key) ?? []), 100 * accuracy]);
  }
  const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const unknown = { low: Number.NaN, high: Number.NaN };
  const cellOf = (value: number): Cell => ({
    ...{ median: value, minimum: value, maximum: value, seeds: 1 },
    ...{ overSeeds: unknown, overExamples: unknown },
  });
  const cells = Object.fromEntries([...groups].map(([name, values]) => [name, cellOf(meanOf(values))] as const));
  const average = {
    value: scores.length === 0 ? undefined : 100 * meanOf(scores.map(({ accuracy }) => accuracy)),
    count: scores.length,
    missing: [],
  };
  return {
    title: "BLiMP",
    columns: [...groups.keys()].map(name => ({ name, title: name.replaceAll("_", " "), metric: "accuracy" })),
    rows: [{ kind: "none", name: model, cells, average }],
    subsets: {},
  };
}
