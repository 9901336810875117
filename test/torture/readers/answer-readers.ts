// Readers of what a person types and what servers answer: recipes and budgets, a hub, an MLflow server.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { glue } from "../../../recipes/glue.ts";
import { quickstart } from "../../../recipes/quickstart.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { UserError } from "../../../src/base/errors.ts";
import { readJson } from "../../../src/base/files/files.ts";
import { lockFolder } from "../../../src/base/files/folder-lock.ts";
import { hasty } from "../../../src/base/patience.ts";
import { checkFinetuneRecipe, overrideFinetuneRecipe } from "../../../src/evaluate/finetuning/finetune-recipe.ts";
import { openHub } from "../../../src/hub/hub.ts";
import { pullRepository } from "../../../src/hub/pull.ts";
import { countParameters } from "../../../src/model/parameters.ts";
import { MlflowFailure, openMlflowClient } from "../../../src/tracking/mlflow-client.ts";
import { MlflowLog } from "../../../src/tracking/mlflow-log.ts";
import { parseBudget } from "../../../src/train/budget.ts";
import { overrideRecipe, type Recipe } from "../../../src/train/recipe.ts";
import { chooseRecipe } from "../../../src/verbs/recipe.ts";
import type { Form } from "../mutations/mutators.ts";
import type { Reader } from "./reader.ts";

const withSize = (recipe: Recipe) => [recipe, countParameters(recipe.model)];
const readText = (path: string) => readFileSync(path, "utf8");

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Serves answers to `use`, then stops. */
async function withServer<T>(answer: Answer, use: (address: string) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Pulls from a hub that lists tree.json and serves body.txt; link.txt is the list's Link header once it is damaged. */
async function pull(folder: string, damaged: string): Promise<unknown> {
  const read = (name: string) => readFileSync(join(folder, name));
  const answer: Answer = (request, response) => {
    const isList = request.url?.startsWith("/api/models/a/b/tree/main?recursive") === true;
    if (isList && damaged === "link.txt") {
      const link = read("link.txt")
        .toString("latin1")
        .replace(/[^\t\x20-\x7e]/g, "?");
      response.setHeader("Link", link.slice(0, 4000));
    }
    if (damaged === "refusal.json") response.statusCode = 404;
    const list = request.url?.startsWith("/api/") === true;
    response.end(
      read(damaged === "refusal.json" ? damaged : list ? (isList ? "tree.json" : "empty.json") : "body.txt"),
    );
  };
  return withServer(answer, async address => {
    const out = join(folder, "pulled");
    const paths = await pullRepository(openHub(address, undefined), {
      ...{ repository: "a/b", folder: out, patience: { ...hasty, tries: 1 } },
    });
    return paths.map(path => readText(join(out, path)));
  });
}

async function track(folder: string): Promise<unknown> {
  const answer: Answer = (request, response) => {
    const found = request.url?.includes("get-by-name") === true;
    response.end(readFileSync(join(folder, found ? "experiment.json" : "created.json")));
  };
  return withServer(answer, async address => {
    const client = openMlflowClient(address, {});
    const { signal } = new AbortController();
    try {
      const experiment = await client.openExperiment("cramming", signal);
      return [experiment, await client.createRun({ experiment, name: "a run", beganAt: 0 }, signal)];
    } catch (error) {
      // A warning beside training, never its end.
      if (error instanceof MlflowFailure) throw new UserError("E_MLFLOW", error.message, "…");
      throw error;
    }
  });
}

const answers: readonly (readonly [file: string, form: Form, sealed: boolean, read: Reader["read"]])[] = [
  ...(["tree.json", "body.txt", "link.txt", "refusal.json"] as const).map(
    file =>
      [
        file,
        file.endsWith(".json") ? "json" : "text",
        file === "body.txt",
        (folder: string) => pull(folder, file),
      ] as const,
  ),
  ["experiment.json", "json", false, track],
  ["created.json", "json", false, track],
];

/** What a lock file of a holder that is gone leads to: it is taken over, or believed. */
function takeLock(folder: string): unknown {
  lockFolder(folder, "torture").release();
  return "taken";
}

/** A run's connection to a server that is not there, begun from its mlflow.json and closed. */
async function followRun(folder: string): Promise<unknown> {
  const warnings: string[] = [];
  const run = { run: folder, params: new Map(), tokensPerSequence: 8, elapsedSeconds: 0, clock: systemClock };
  const log = new MlflowLog(
    { uri: "http://127.0.0.1:1", environment: {} },
    { ...run, warn: text => warnings.push(text) },
  );
  await log.close("FINISHED");
  return warnings;
}

export const answerReaders: readonly Reader[] = [
  ...answers.map(
    ([damaged, form, sealed, read]): Reader => ({
      ...{ name: `answer ${damaged}`, from: "strings", damaged, form, sealed, read },
      refused: damaged === "refusal.json",
    }),
  ),
  { name: "lock of a folder", from: "strings", damaged: ".cram-lock", form: "json", read: takeLock, refused: true },
  { name: "run mlflow.json", from: "strings", damaged: "mlflow.json", form: "json", read: followRun },
  { name: "--budget", from: "strings/budget.txt", form: "text", read: path => parseBudget(readText(path)) },
  {
    ...{ name: "--set", from: "strings/set.txt", form: "text" },
    read: path => withSize(overrideRecipe(quickstart, [readText(path)])),
  },
  {
    ...{ name: "--set of a finetuning", from: "strings/set-finetune.txt", form: "text" },
    read: path => overrideFinetuneRecipe(glue, [readText(path)]),
  },
  {
    name: "--recipe FILE",
    from: "run/recipe.json",
    form: "json",
    read: path => withSize(chooseRecipe({ recipe: path })),
  },
  {
    ...{ name: "--recipe FILE of a finetuning", from: "strings/finetune.json", form: "json" },
    read: path => checkFinetuneRecipe(readJson(path, "finetuning recipe"), path),
  },
];
