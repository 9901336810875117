// What a thread of bounded-worker.ts runs: the function it was given, one value an answer.

import { parentPort, workerData } from "node:worker_threads";
import { UserError } from "../errors.ts";
import type { BoundedAnswer } from "./bounded-worker.ts";

type Values = Iterable<unknown> | AsyncIterable<unknown>;
const { module, name, input } = workerData as { module: string; name: string; input: unknown };

// A library that fails twice at once is told of by the first failure, which is an answer.
process.on("unhandledRejection", () => {});

async function* run(): AsyncGenerator<unknown> {
  const { [name]: work } = (await import(module)) as Record<string, (input: unknown) => Values>;
  yield* work!(input);
}

const values = run();

async function makeAnswer(): Promise<BoundedAnswer> {
  try {
    const { done, value } = await values.next();
    return done === true ? { kind: "end" } : { kind: "value", value };
  } catch (error) {
    if (error instanceof UserError) {
      return { kind: "refusal", code: error.code as `E_${string}`, message: error.message, advice: error.advice };
    }
    return { kind: "failure", message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort!.on("message", async () => parentPort!.postMessage(await makeAnswer()));
