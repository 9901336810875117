// cram serve: a model over HTTP, until Ctrl-C.

import { Argument, type Command } from "commander";
import { serve as serveModel } from "../../../verbs/serve/serve-model.ts";
import { addBackendOptions, type BackendOptions, chooseBackend } from "../../choose.ts";
import { parseCount } from "../../numbers.ts";
import { suggest } from "../../terminal/completion.ts";
import { print, printWarning } from "../../terminal/output.ts";

interface ServeFlags extends BackendOptions {
  readonly port: string;
  readonly host: string;
  readonly token?: string;
  readonly json?: boolean;
}

const tokenVariable = "CRAM_SERVE_TOKEN";

export function addServe(command: Command): void {
  command
    .addArgument(
      suggest(new Argument("<model>", "the folder of a run, an export, or a model of Hugging Face's"), "runs"),
    )
    .option("--port <number>", "0 takes a free one", "6117")
    .option("--host <address>", "one that others can reach needs a token", "127.0.0.1")
    .option("--token <text>", `who shows it may ask, others may not; better given in ${tokenVariable}`);
  addBackendOptions(command)
    .option("--json", "print the address as one JSON object")
    .addHelpText(
      "after",
      `
POST /v1/embeddings and GET /v1/models as OpenAI's, whose vectors have length 1; POST /v1/fill-mask takes { "input": "the [MASK] sleeps.", "top": 5 }. A request is
1 MiB and 2048 texts at most. There is no encryption: let a server that has it stand before one that others can reach.

Examples:
  cram serve runs/mine
  curl http://127.0.0.1:6117/v1/embeddings -H 'Content-Type: application/json' -d '{ "input": "the red fox" }'
  ${tokenVariable}=$(openssl rand -hex 16) cram serve runs/mine --host 0.0.0.0`,
    )
    .action(serve);
}

async function serve(model: string, flags: ServeFlags): Promise<void> {
  const { url, close } = await serveModel(model, {
    ...chooseBackend(flags),
    port: parseCount("--port", flags.port, 0, 65_535),
    host: flags.host,
    token: flags.token ?? process.env[tokenVariable],
    onWarning: printWarning,
    onFault: error => printWarning(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  });
  print(flags.json === true ? JSON.stringify({ url }) : `${url}v1/embeddings  (Ctrl-C ends it)`);
  await new Promise<void>(resolve => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await close();
}
