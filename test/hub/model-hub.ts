// A hub of models on this machine, whose large files lie in Xet's storage: it keeps one commit of each repository and answers as
// huggingface.co does. It misbehaves where a test says so.

import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serveXet, type XetStorage } from "./xet-storage.ts";

interface Held {
  readonly bytes: Buffer | undefined;
  readonly sha: string;
  readonly size: number;
}

export interface ModelHub {
  readonly endpoint: string;
  readonly xet: XetStorage;
  readonly asked: { readonly method: string; readonly path: string; readonly authorization: string | undefined }[];
  /** Statuses of the next refusals of a path. */
  readonly refusals: Map<string, number[]>;
  readonly branches: Map<string, Map<string, Held>>;
  close(): void;
}

const commit = "0123456789abcdef0123456789abcdef01234567";
/** Files of this size and more lie in Xet's storage. */
const largeBytes = 1000;
/** What the storage takes in place of the hub's token. */
export const storageToken = "of the storage";

export async function serveModels(token: string): Promise<ModelHub> {
  const xet = await serveXet();
  const server = createServer(async (request, response) => {
    const { method = "" } = request;
    const url = new URL(request.url!, "http://hub");
    const path = decodeURIComponent(url.pathname);
    const { authorization, accept } = request.headers;
    hub.asked.push({ method, path, authorization });
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts).toString();
    const json = (value: unknown, headers: Record<string, string> = {}) =>
      response.writeHead(200, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(value));
    const refusal = hub.refusals.get(path)?.shift();
    if (refusal !== undefined) return response.writeHead(refusal).end("no");
    if (authorization !== `Bearer ${token}`) return response.writeHead(401).end(`bad ${authorization}`);
    const inXet = { casUrl: xet.url, accessToken: storageToken, exp: Math.floor(Date.now() / 1000) + 3600 };
    const xetHeaders = {
      "X-Xet-Cas-Url": xet.url,
      "X-Xet-Access-Token": storageToken,
      "X-Xet-Token-Expiration": `${inXet.exp}`,
    };
    if (path === "/api/repos/create") return json({ url: `${hub.endpoint}/me/mine`, id: "me/mine" });
    const [, repository, what, rest = ""] = /^\/api\/models\/([^/]+\/[^/]+)\/([^/]+)\/?(.*)$/.exec(path) ?? [];
    if (what === "branch") {
      hub.branches.set(`${repository} ${rest}`, new Map());
      return json({});
    }
    if (what === "preupload") {
      const { files } = JSON.parse(body) as { files: { path: string; size: number }[] };
      const modes = files.map(({ path: each, size }) => ({
        ...{ path: each, uploadMode: size < largeBytes ? "regular" : "lfs", shouldIgnore: false },
      }));
      return json({ files: modes });
    }
    if (path.endsWith("/info/lfs/objects/batch")) {
      const { objects, transfers } = JSON.parse(body) as {
        objects: { oid: string; size: number }[];
        transfers: string[];
      };
      const href = `${hub.endpoint}/api/models/me/mine/xet-write-token/main`;
      const answered = objects.map(({ oid, size }) => ({
        ...{ oid, size },
        ...(!xet.files.has(oid) && { actions: { upload: { href, header: xetHeaders } } }),
      }));
      return json({ transfer: transfers.includes("xet") ? "xet" : "basic", objects: answered });
    }
    if (what === "commit") {
      const files = hub.branches.get(`${repository} ${rest}`) ?? new Map<string, Held>();
      hub.branches.set(`${repository} ${rest}`, files);
      for (const line of body.trim().split("\n")) {
        const { key, value } = JSON.parse(line) as { key: string; value: Record<string, string> };
        if (key === "file") {
          const bytes = Buffer.from(value.content!, "base64");
          files.set(value.path!, { bytes, sha: "", size: bytes.length });
        } else if (key === "lfsFile")
          files.set(value.path!, { bytes: undefined, sha: value.oid!, size: Number(value.size) });
      }
      const commitUrl = `${hub.endpoint}/${repository}/commit/${commit}`;
      return json({ success: true, commitOid: commit, commitUrl, hookOutput: "" });
    }
    if (what?.startsWith("xet-")) return json(inXet, xetHeaders);
    const filesOf = (branch: string) => hub.branches.get(`${repository} ${branch === commit ? "main" : branch}`);
    if (what === "tree") return json([...(filesOf(rest) ?? [])].map(([name, held]) => describe(name, held, xet)));
    if (what === "revision") {
      const siblings = [...(filesOf(rest) ?? [])].map(([rfilename]) => ({ rfilename }));
      return json({ id: repository, sha: commit, siblings });
    }
    const [, owner, branch, name] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.*)$/.exec(path) ?? [];
    const held = hub.branches.get(`${owner} ${branch === commit ? "main" : branch}`)?.get(name!);
    if (held === undefined) return response.writeHead(404, { "X-Error-Code": "EntryNotFound" }).end();
    resolve(response, held, { isHead: method === "HEAD", accept, xet, endpoint: hub.endpoint });
  });
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  const hub: ModelHub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    xet,
    asked: [],
    refusals: new Map(),
    branches: new Map(),
    close: () => {
      server.close().closeAllConnections();
      xet.close();
    },
  };
  return hub;
}

const sha1 = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

function describe(path: string, { bytes, sha, size }: Held, xet: XetStorage): unknown {
  if (bytes !== undefined) return { type: "file", path, size, oid: sha1(bytes) };
  const lfs = { oid: sha, size, pointerSize: 132 };
  return { type: "file", path, size, oid: "of the pointer", lfs, xetHash: xet.files.get(sha) };
}

interface Asked {
  readonly isHead: boolean;
  readonly accept: string | undefined;
  readonly xet: XetStorage;
  readonly endpoint: string;
}

/** A small file itself; of a large one, where it is: its bytes come by Xet alone. */
function resolve(response: ServerResponse, held: Held, { isHead, accept, xet, endpoint }: Asked): void {
  const common = { "X-Repo-Commit": commit, "Accept-Ranges": "bytes" };
  if (held.bytes !== undefined) {
    const headers = { ...common, ETag: `"${sha1(held.bytes)}"`, "Content-Length": held.size };
    response.writeHead(200, headers).end(isHead ? undefined : held.bytes);
    return;
  }
  const hash = xet.files.get(held.sha)!;
  const links = {
    "xet-auth": `${endpoint}/api/models/me/mine/xet-read-token/${commit}`,
    "xet-reconstruction-info": `${xet.url}/v1/reconstructions/${hash}`,
  };
  const headers = {
    ...{ ...common, ETag: `"${held.sha}"`, "X-Linked-ETag": `"${held.sha}"`, "X-Linked-Size": held.size },
    ...{
      "X-Xet-Hash": hash,
      Link: Object.entries(links)
        .map(([rel, to]) => `<${to}>; rel="${rel}"`)
        .join(", "),
    },
  };
  if (isHead) response.writeHead(200, headers).end();
  else if (accept?.includes("application/vnd.xet-fileinfo+json"))
    response.writeHead(200, { ...headers, "Content-Type": "application/vnd.xet-fileinfo+json" }).end("{}");
  else response.writeHead(404).end();
}
