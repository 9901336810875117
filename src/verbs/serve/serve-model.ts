// A model opened and served until it is closed.

import { type OptionKinds, readOptions, requireCount, requireModelFolder } from "../given-values.ts";
import { type ModelOptions, modelOptionKinds, openModel } from "../model/open-model.ts";
import { type ModelServer, openModelServer } from "./model-server.ts";

export interface ServeOptions extends ModelOptions {
  /** 0 takes a free one. Default 6117. */
  readonly port?: number | undefined;
  /** The address to listen on; one that others can reach needs a token. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Who shows it, as "Authorization: Bearer …", may ask. */
  readonly token?: string | undefined;
  /** Told of what went wrong that was no mistake of a request. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

const optionKinds: OptionKinds<ServeOptions> = {
  ...modelOptionKinds,
  ...{ port: "number", host: "text", token: "text", onFault: "function" },
};

/**
 * Serves a model as OpenAI's interface does, `/v1/embeddings` and `/v1/models`, and `/v1/fill-mask`.
 *
 * ```ts
 * const server = await serve("runs/mine", { port: 0 });
 * const body = JSON.stringify({ input: ["the red fox sleeps."] });
 * const headers = { "Content-Type": "application/json" };
 * const answer = await fetch(new URL("v1/embeddings", server.url), { method: "POST", headers, body });
 * const { data } = (await answer.json()) as { data: { embedding: number[] }[] };
 * console.log(data[0]!.embedding.length);
 * await server.close();
 * ```
 *
 * Errors are `UserError`s: those of openModel, E_TOKEN and E_ADDRESS.
 */
export async function serve(
  folder: string,
  options: ServeOptions = {},
): Promise<Pick<ModelServer, "url"> & { close(): Promise<void> }> {
  const given = readOptions("serve", options, optionKinds);
  requireModelFolder("serve", folder);
  const { port = 6117, host = "127.0.0.1", token, onFault = () => {}, ...choice } = given;
  requireCount(port, "port", 0, 65_535);
  const model = await openModel(folder, choice);
  try {
    const { url, close } = await openModelServer({ model, port, host, token, onFault });
    return {
      url,
      close: async () => {
        close();
        await model.close();
      },
    };
  } catch (error) {
    await model.close();
    throw error;
  }
}
