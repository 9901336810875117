// A hub on this machine with datasets, which answers as huggingface.co does: lists of files in pages, small files by itself, large
// ones by a redirect to a storage on a port of its own, both in the ranges that are asked for. It misbehaves where a test says so.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const commit = "0123456789abcdef0123456789abcdef01234567";

export interface Asked {
  readonly path: string;
  readonly at: "hub" | "storage";
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** What is wrong with an answer. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection breaks after this many bytes. */
  readonly breakAfter?: number;
  /** The body ends after this many bytes as if it were whole. */
  readonly endAfter?: number;
  /** Every byte is another. */
  readonly changed?: boolean;
  /** The whole file comes whatever was asked for. */
  readonly ignoreRange?: boolean;
}

export interface DatasetHub {
  readonly endpoint: string;
  readonly asked: Asked[];
  /** Of each request; undefined: it is answered. Set by each test. */
  fault: (asked: Asked) => Fault | undefined;
  close(): void;
}

/** Files of this size and more lie in the storage. */
const largeBytes = 200;
const filesOfPage = 3;

/** Serves datasets, each by name with its files by path. One whose name ends in "-private" wants `token`. */
export async function serveDatasets(
  datasets: Readonly<Record<string, Readonly<Record<string, Uint8Array | string>>>>,
  token = "hf_secret",
): Promise<DatasetHub> {
  const asked: Asked[] = [];
  const contents = new Map<string, Buffer>();
  const listen = async (at: Asked["at"], answer: (url: URL, respond: Respond, asked: Asked) => void) => {
    const server = createServer((request, response) => {
      const url = new URL(request.url!, "http://hub");
      const { authorization, range } = request.headers;
      const seen = { path: url.pathname, at, authorization, range };
      asked.push(seen);
      const fault = hub.fault(seen) ?? {};
      if (fault.status !== undefined) response.writeHead(fault.status, fault.headers).end("no");
      else answer(url, makeRespond(request, response, fault), seen);
    });
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    return server;
  };
  const storage = await listen("storage", (url, respond) => respond.bytes(contents.get(url.pathname.slice(1))!));
  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  const own = await listen("hub", (url, respond, { authorization }) => {
    const [, kind, name, what, rest] =
      /^\/(?:(api\/datasets)|datasets)\/([^/]+\/[^/]+)\/(tree|resolve|revision)\/(.*)$/.exec(url.pathname) ?? [];
    const files = datasets[name ?? ""];
    if (files === undefined) return respond.status(401);
    if (name!.endsWith("-private") && authorization !== `Bearer ${token}`) return respond.status(401);
    const [revision, ...path] = rest!.split("/").map(decodeURIComponent);
    if (![commit, "main"].includes(revision!)) return respond.status(404);
    if (what === "revision") return respond.json({ sha: commit });
    if (kind === undefined) {
      const content = files[path.join("/")];
      if (content === undefined) return respond.status(404);
      const bytes = Buffer.from(content);
      if (bytes.length < largeBytes) return respond.bytes(bytes);
      const { oid } = describe("", bytes).lfs!;
      contents.set(oid, bytes);
      return respond.redirect(`http://127.0.0.1:${portOf(storage)}/${oid}?signature=secret`);
    }
    const folder = path.length === 0 ? "" : `${path.join("/")}/`;
    const paths = Object.keys(files).filter(each => each.startsWith(folder));
    if (paths.length === 0) return respond.status(404);
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const page = paths.slice(from, from + filesOfPage).map(each => describe(each, Buffer.from(files[each]!)));
    url.searchParams.set("cursor", `${from + filesOfPage}`);
    const next = from + filesOfPage < paths.length;
    respond.json(page, next ? { Link: `<${hub.endpoint}${url.pathname}${url.search}>; rel="next"` } : {});
  });
  const hub: DatasetHub = {
    endpoint: `http://127.0.0.1:${portOf(own)}`,
    asked,
    fault: () => undefined,
    close: () => {
      for (const server of [own, storage]) server.close().closeAllConnections();
    },
  };
  return hub;
}

const hash = (algorithm: string, ...parts: (string | Uint8Array)[]): string => {
  const taken = createHash(algorithm);
  for (const part of parts) taken.update(part);
  return taken.digest("hex");
};

/** As the hub lists a file. */
export function describe(path: string, bytes: Uint8Array) {
  const size = bytes.length;
  const oid = hash("sha1", `blob ${size}\0`, bytes);
  const lfs = size < largeBytes ? {} : { lfs: { oid: hash("sha256", bytes), size, pointerSize: 132 } };
  return { type: "file", path, size, oid, ...lfs } as {
    type: string;
    path: string;
    size: number;
    oid: string;
    lfs?: { oid: string; size: number };
  };
}

type Respond = ReturnType<typeof makeRespond>;

function makeRespond(request: IncomingMessage, response: ServerResponse, fault: Fault) {
  return {
    status: (status: number) => void response.writeHead(status).end(),
    json: (value: unknown, headers: Record<string, string> = {}) =>
      void response.writeHead(200, headers).end(JSON.stringify(value)),
    redirect: (to: string) => void response.writeHead(302, { Location: to }).end(),
    bytes: (content: Buffer) => {
      const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      const isPart = start !== undefined && fault.ignoreRange !== true;
      const part = isPart ? content.subarray(Number(start), Number(end) + 1) : content;
      const body = fault.changed === true ? part.map(byte => byte ^ 1) : part;
      const range = `bytes ${start}-${Number(start) + part.length - 1}/${content.length}`;
      const headers = isPart ? { "Content-Range": range } : {};
      if (fault.endAfter !== undefined)
        return void response.writeHead(isPart ? 206 : 200, headers).end(body.subarray(0, fault.endAfter));
      response.writeHead(isPart ? 206 : 200, { ...headers, "Content-Length": body.length });
      if (fault.breakAfter === undefined) return void response.end(body);
      response.write(body.subarray(0, fault.breakAfter), () => response.destroy());
    },
  };
}
