// The peer of `step`: PyTorch in a process of its own (peers/torch-step.py), told the recipe and started from our parameters
// and batch.

import { listParameters } from "../../src/model/parameters.ts";
import { countMasked } from "../../src/objectives/predictions.ts";
import type { Recipe } from "../../src/train/recipe.ts";
import type { Precision } from "../own/own-step.ts";
import { peerPath } from "./native.ts";
import { Peer, threadEnvironment } from "./peer.ts";

export interface TorchOptions {
  readonly python: string;
  readonly precision: Precision;
  readonly compile: boolean;
  /** Muon's update by torch.compile. */
  readonly compileUpdate?: boolean;
  readonly threads: number;
  /** Where it computes; cpu unless given. */
  readonly device?: "cpu" | "cuda";
}

export interface TorchStep {
  readonly name: string;
  readonly processIds: readonly number[];
  /** Reads the file of OwnStep.writeStart and makes the model. */
  prepare(recipe: Recipe, file: string): void;
  /** Two steps in f32 from the start; undone. */
  check(): Promise<{ readonly losses: readonly [number, number]; readonly gradientNorm: number }>;
  steps(times: number): Promise<{ readonly seconds: number; readonly loss: number; readonly peakBytes: number }>;
  close(): void;
}

/** Throws UserError E_PEER_ABSENT where this Python has no torch. */
export async function startTorch({
  python,
  precision,
  compile,
  compileUpdate = false,
  threads,
  device = "cpu",
}: TorchOptions): Promise<TorchStep> {
  const peer = await Peer.start(python, [peerPath("torch-step.py")], threadEnvironment(threads));
  return {
    name: `${peer.name} ${precision}${compile ? " compiled" : ""}${compileUpdate ? ", update compiled" : ""}`,
    processIds: peer.processIds,
    prepare: (recipe, file) => {
      const { model, optimizer, train } = recipe;
      const sequences = train.microBatchSequences;
      const setting = {
        model,
        optimizer,
        sequences,
        predictions: sequences * countMasked(recipe),
        parameters: listParameters(model).map(({ name, shape, role, parts }) => ({ name, shape, role, parts })),
        file,
        precision,
        compile,
        compileUpdate,
        threads,
        device,
      };
      peer.tell(JSON.stringify(setting));
    },
    check: () => peer.ask("check"),
    steps: times => peer.ask(`step ${times}`),
    close: () => peer.close(),
  };
}
