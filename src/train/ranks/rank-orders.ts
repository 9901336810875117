// Who decides and who follows. Rank 0 alone reads the clock, validates, saves and takes signals to heart; before each step it tells the
// others what the step is made of, and they do their share of it. So ranks cannot disagree on when a training ends.

import type { Backend } from "../../backends/backend.ts";
import { UserError } from "../../base/errors.ts";
import type { HeldTensor, StoredTensor } from "../../checkpoint/safetensors.ts";
import { broadcastJson, type Collective } from "../../collective/collective.ts";
import { countBadSteps, type MeasuredStep, refuseDivergence } from "../step/guard.ts";
import type { StepOrder } from "../step/micro-batches.ts";
import type { States } from "../step/states.ts";
import type { LocalSteps } from "./local-steps.ts";
import type { RankSums } from "./rank-sums.ts";
import type { UpdateShares } from "./update-shares.ts";

/** What a rank's training is made of, besides its engine. */
export interface RankParts {
  readonly collective: Collective;
  readonly backend: Backend;
  readonly states: States;
  /** Names of the states that are the same on every rank: all but what a step adds up. */
  readonly shared: ReadonlySet<string>;
  /** Where ranks take steps by themselves. */
  readonly local?: LocalSteps | undefined;
  /** Where ranks share out the update. */
  readonly shares?: UpdateShares | undefined;
}

/** What rank 0's loop asks of the others. */
export interface RankLead {
  readonly sums: RankSums;
  readonly shares: UpdateShares | undefined;
  /**
   * After warm-up: hands every rank the parameters and moments of this one and, of a shared update, those of the checkpoint that are its
   * own.
   */
  begin(stored?: readonly StoredTensor[]): Promise<void>;
  /** Every moment in its order, of which this rank has these: others are asked for when they are read. */
  listMoments(own: readonly HeldTensor[]): readonly HeldTensor[];
  /** Tells what the next step is. */
  order(order: StepOrder): Promise<void>;
  /**
   * After the step: compares what it measured with the others, and says whether one was asked to end. Of local steps nobody hears before
   * ranks are brought together.
   */
  conclude(measured: MeasuredStep): Promise<boolean>;
  /**
   * After local steps, all that there are between two outer ones or fewer: makes ranks one model again, and says whether one was asked to
   * end.
   */
  bringTogether(isWhole: boolean): Promise<boolean>;
}

/** What the others wait for: to be told what is trained, for rank 0 in the middle of something, or for the next order. */
type Phase = "announcement" | "work" | "order";

const lengthOfOrder = 6;
/** What an order begins with. */
const kinds = { end: 0, step: 1, together: 2, tell: 3 } as const;
/** Ranks compute an update each, of the same sums: beyond this they are not of one model any more. */
const mostRelativeDifference = 1e-3;

/** Rank 0's side from its first word to its last. Errors leave nobody waiting. */
export class RankLeader<Announced> {
  readonly collective: Collective;
  private phase: Phase = "announcement";

  constructor(collective: Collective) {
    this.collective = collective;
  }

  /** Tells every rank what is trained. */
  async announce(announced: Announced): Promise<void> {
    this.phase = "work";
    await broadcastJson(this.collective, announced);
  }

  lead(parts: Omit<RankParts, "collective">, sums: RankSums): RankLead {
    const { collective } = this;
    return {
      sums,
      shares: parts.shares,
      begin: async (stored = []) => {
        await shareStates({ ...parts, collective });
        await parts.local?.begin();
        await parts.shares?.begin(stored);
        this.phase = "order";
      },
      listMoments: own => {
        const { shares } = parts;
        if (shares === undefined) return own;
        const fetch = async (name: string) => {
          this.phase = "work";
          const index = shares.findIndex(name);
          const order = new Float64Array(lengthOfOrder);
          order.set([kinds.tell, index]);
          await collective.broadcast(order, 0);
          const values = await shares.tell(index);
          this.phase = "order";
          return values;
        };
        return shares.listMoments(own, fetch);
      },
      order: async ({ step, firstSequence, most, rateScale, progress }) => {
        this.phase = "work";
        await collective.broadcast(Float64Array.of(kinds.step, step, firstSequence, most, rateScale, progress), 0);
      },
      conclude: async measured => {
        const isAsked = parts.local === undefined && (await concludeStep(collective, measured, false));
        this.phase = "order";
        return isAsked;
      },
      bringTogether: async isWhole => {
        this.phase = "work";
        const order = new Float64Array(lengthOfOrder);
        order.set([kinds.together, isWhole ? 1 : 0]);
        await collective.broadcast(order, 0);
        // Rank 0's own steps its loop counts.
        const isAsked = await bringTogether(collective, parts.local!, { isWhole, isAsked: false, isAstray: false });
        this.phase = "order";
        return isAsked;
      },
    };
  }

  /** Ends the others' training. Where they are in the middle of something, every rank ends when this process does. */
  async close(): Promise<void> {
    const { collective, phase } = this;
    if (phase === "work") {
      process.once("exit", () => collective.abort(1));
      return;
    }
    if (phase === "announcement") await broadcastJson(collective, null);
    else await collective.broadcast(new Float64Array(lengthOfOrder), 0);
    await collective.close();
  }
}

/** What rank 0 announces, or null where it ends before. */
export const hearAnnouncement = <Announced>(collective: Collective): Promise<Announced | null> =>
  broadcastJson<Announced | null>(collective, null);

/**
 * Does what rank 0 orders until it orders the end. The signal asks rank 0 to end the training. UserErrors: E_RANKS; E_DIVERGED after so many
 * local steps in a row of one rank that were not finite, when ranks are brought together.
 */
export async function followRanks(
  parts: RankParts & { readonly badStepsAllowed: number },
  take: (order: StepOrder) => Promise<MeasuredStep>,
  signal: AbortSignal,
): Promise<void> {
  const { collective, local, shares } = parts;
  await shareStates(parts);
  await local?.begin();
  await shares?.begin([]);
  const count = countBadSteps();
  let badInARow = 0;
  for (;;) {
    const told = new Float64Array(lengthOfOrder);
    await collective.broadcast(told, 0);
    const [kind, step, firstSequence, most, rateScale, progress] = told as unknown as number[];
    if (kind === kinds.end) return;
    if (kind === kinds.tell) {
      await shares!.tell(step!);
      continue;
    }
    if (kind === kinds.together) {
      const isAstray = badInARow >= parts.badStepsAllowed;
      await bringTogether(collective, local!, { isWhole: step === 1, isAsked: signal.aborted, isAstray });
      continue;
    }
    const order = {
      step: step!,
      firstSequence: firstSequence!,
      most: most!,
      rateScale: rateScale!,
      progress: progress!,
    };
    const measured = await take(order);
    badInARow = count(measured);
    if (local === undefined) await concludeStep(collective, measured, signal.aborted);
  }
}

/** Whether a rank was asked to end. UserError E_RANKS where ranks measured a step otherwise. */
export async function concludeStep(
  collective: Collective,
  { loss, gradientNorm = 0, rowsHash = 0 }: MeasuredStep,
  isAsked: boolean,
): Promise<boolean> {
  const seen = Float64Array.of(loss, gradientNorm, rowsHash);
  await collective.broadcast(seen, 0);
  const isFar = [loss, gradientNorm].some((own, i) => {
    const first = seen[i]!;
    return !Object.is(own, first) && !(Math.abs(own - first) <= mostRelativeDifference * Math.abs(first));
  });
  // Sums of rows that stand in other places have one loss and one norm on every rank.
  const isOther = isFar || rowsHash !== seen[2];
  const counts = Float64Array.of(isAsked ? 1 : 0, isOther ? 1 : 0);
  await collective.sum([{ name: "what ranks say", values: counts }]);
  if (counts[1]! === 0) return counts[0]! > 0;
  throw new UserError(
    "E_RANKS",
    `after a step ${counts[1]} of ${collective.size} ranks have another model than rank 0`,
    "Start every rank on machines of one kind, with the same version of cram, and resume the run.",
  );
}

/** Whether a rank was asked to end. UserError E_DIVERGED where one does not recover: its steps change nothing, so the others' would go on alone. */
async function bringTogether(
  collective: Collective,
  local: LocalSteps,
  told: { readonly isWhole: boolean; readonly isAsked: boolean; readonly isAstray: boolean },
): Promise<boolean> {
  await local.bringTogether(told.isWhole);
  const counts = Float64Array.of(told.isAsked ? 1 : 0, told.isAstray ? 1 : 0);
  await collective.sum([{ name: "what ranks say", values: counts }]);
  if (counts[1]! === 0) return counts[0]! > 0;
  throw refuseDivergence(
    `of ${collective.size} ranks ${counts[1]} had too many local steps in a row that were not finite`,
  );
}

/** In the order of the states' names, which every rank has alike. */
async function shareStates({ collective, backend, states, shared }: RankParts): Promise<void> {
  for (const [name, buffer] of states) {
    if (!shared.has(name)) continue;
    const values = await backend.read(buffer);
    await collective.broadcast(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 0);
    if (collective.rank > 0) backend.write(buffer, values);
  }
  await collective.barrier();
}
