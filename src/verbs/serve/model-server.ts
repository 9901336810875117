// A model over HTTP: vectors as OpenAI's interface gives them (/v1/embeddings, /v1/models), and filled masks. Who may ask is decided
// as for the dashboard. Requests are answered one after another, each and all of them of a bounded size.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { UserError } from "../../base/errors.ts";
import {
  type AccessOptions,
  checkAccessOptions,
  judgeRequest,
  splitAddress,
} from "../../report/dashboard/dashboard-access.ts";
import { listen } from "../../report/dashboard/listen.ts";
import type { Model } from "../model/open-model.ts";
import { answerEmbeddings, answerFills, RequestFault } from "./model-answers.ts";

export interface ModelServerOptions extends AccessOptions {
  readonly model: Model;
  /** 0 takes a free one. */
  readonly port: number;
  /** Told of what went wrong that was no mistake of a request. */
  readonly onFault: (error: unknown) => void;
}

export interface ModelServer {
  /** Without the token. */
  readonly url: string;
  close(): void;
}

const mostBodyBytes = 2 ** 20;
const mostWaiting = 64;
const mostConnections = 128;

/** Serves an open model until it is closed. UserErrors: E_TOKEN for an address that needs one, E_ADDRESS. */
export async function openModelServer(options: ModelServerOptions): Promise<ModelServer> {
  checkAccessOptions(options);
  const inTurn = queueRequests();
  const { model } = options;
  const routes: Routes = {
    "/v1/models": {
      method: "GET",
      answer: async () => ({ object: "list", data: [{ id: model.name, object: "model" }] }),
    },
    "/v1/embeddings": { method: "POST", answer: body => inTurn(() => answerEmbeddings(model, body)) },
    "/v1/fill-mask": { method: "POST", answer: body => inTurn(() => answerFills(model, body)) },
  };
  const server = createServer((request, response) => {
    void answer(request, options, routes).then(
      content => send(response, 200, content),
      error => {
        // Who asked went away before all was sent.
        if (error === request.errored) return;
        const fault = asFault(error);
        if (fault.status === 500) options.onFault(error);
        const { status, code, message, headers } = fault;
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        send(response, status, {
          error: { message, type: status < 500 ? "invalid_request_error" : "server_error", code },
        });
      },
    );
  });
  server.maxConnections = mostConnections;
  server.requestTimeout = 30_000;
  const url = await listen(server, options);
  return {
    url,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Routes = Readonly<
  Record<string, { readonly method: "GET" | "POST"; readonly answer: (body: unknown) => Promise<object> }>
>;

/** What is sent of a good request. Throws RequestFault, and UserErrors of the model. */
async function answer(request: IncomingMessage, access: AccessOptions, routes: Routes): Promise<object> {
  const judgement = judgeRequest(request, access);
  if (judgement.kind === "refused") {
    throw new RequestFault(judgement.status, judgement.text, null, judgement.headers);
  }
  const { path } = splitAddress(request.url ?? "/");
  const route = Object.hasOwn(routes, path) ? routes[path]! : undefined;
  if (route === undefined) throw new RequestFault(404, `there are ${Object.keys(routes).join(", ")}`);
  // Of an answer to HEAD node:http sends no body.
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (method !== route.method) {
    const allowed = route.method === "GET" ? "GET, HEAD" : route.method;
    throw new RequestFault(405, `${path} takes ${route.method}`, null, { Allow: allowed });
  }
  return route.answer(route.method === "GET" ? undefined : await readBody(request));
}

/** A form of another site's page has another type, and so never comes this far. */
async function readBody(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new RequestFault(415, "send JSON, with Content-Type: application/json");
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > mostBodyBytes) {
      const text = `a request is at most ${mostBodyBytes} bytes`;
      throw new RequestFault(413, text, null, { Connection: "close" });
    }
    parts.push(part);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)));
  } catch {
    throw new RequestFault(400, "not JSON in UTF-8");
  }
}

function asFault(error: unknown): RequestFault {
  if (error instanceof RequestFault) return error;
  if (error instanceof UserError) return new RequestFault(400, `${error.message}. ${error.advice}`, error.code);
  return new RequestFault(500, "the server failed at this request, and says why where it runs");
}

/** One after another; the model computes one at a time anyway. */
function queueRequests() {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting >= mostWaiting) throw new RequestFault(429, "too many requests wait already");
    waiting++;
    const own = last.then(work).finally(() => waiting--);
    last = own.catch(() => undefined);
    return own;
  };
}

function send(response: ServerResponse, status: number, content: object): void {
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" }).end(JSON.stringify(content));
}
