// What a thread of bounded-worker.ts runs: the function it was told last, one value an answer.

import { parentPort } from "node:worker_threads";
import { UserError } from "../errors.ts";
import type { BoundedAnswer, BoundedBegin, BoundedOrder } from "./bounded-worker.ts";
import { nameOwnThread } from "./thread-seconds.ts";

type Values = Iterable<unknown> | AsyncIterable<unknown>;

// A library that fails twice at once is told of by the first failure, which is an answer.
process.on("unhandledRejection", () => {});

async function* run({ module, name, input }: Exclude<BoundedOrder, "next">): AsyncGenerator<unknown> {
  const { [name]: work } = (await import(module)) as Record<string, (input: unknown) => Values>;
  yield* work!(input);
}

parentPort!.postMessage({ kind: "begin", thread: nameOwnThread() } satisfies BoundedBegin);

let turn = 0;
let values: AsyncGenerator<unknown>;

async function makeAnswer(turn: number): Promise<BoundedAnswer> {
  try {
    const { done, value } = await values.next();
    return done === true ? { turn, kind: "end" } : { turn, kind: "value", value };
  } catch (error) {
    if (error instanceof UserError) {
      return { turn, kind: "refusal", code: error.code as `E_${string}`, message: error.message, advice: error.advice };
    }
    return { turn, kind: "failure", message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort!.on("message", async (order: BoundedOrder) => {
  if (order === "next") {
    parentPort!.postMessage(await makeAnswer(turn));
    return;
  }
  turn += 1;
  values = run(order);
});
