import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import { defineTraining } from "../../train/definition.ts";
import { announceRun, type RankChoice } from "./lead-run.ts";
import type { OpenRun } from "./open-run.ts";

test("ranks that an engine cannot sum between are told so before anything is compiled", async () => {
  const told: unknown[] = [];
  const refused = new Error("no sums of processors");
  const collective = {
    size: 2,
    refusePlaced: () => {
      throw refused;
    },
  };
  const leader = { collective, announce: async (run: unknown) => void told.push(run) };
  const choice = { leader, isInOrder: false, isShared: false } as unknown as RankChoice;
  const announce = (name: string) => {
    const open = { recipe: quickstart, dataset: { folder: "data", manifest: { hash: "cafe" } }, backend: { name } };
    return announceRun(choice, open as unknown as OpenRun, defineTraining(quickstart), undefined);
  };
  await assert.rejects(announce("cpu"), refused);
  assert.equal(told.length, 0);
  await announce("cuda");
  assert.equal(told.length, 1);
});
