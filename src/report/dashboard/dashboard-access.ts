// Who may read a dashboard, or ask a model that is served. On this machine's own addresses everybody who can reach them; elsewhere whoever
// has the token. A web page opened in the same browser must not: it could reach 127.0.0.1 under a name of its own (DNS rebinding), so names
// in the Host header are compared, and requests that another site's page makes are refused.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { hostname } from "node:os";
import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";

export interface AccessOptions {
  /** The address or name that the server binds to. */
  readonly host: string;
  readonly token: string | undefined;
}

export type Judgement =
  | { readonly kind: "allowed" }
  /** The token stood in the address: it goes into a cookie, and the address is asked for again without it. */
  | { readonly kind: "greeted"; readonly cookie: string; readonly location: string }
  | {
      readonly kind: "refused";
      readonly status: 400 | 401 | 403;
      readonly text: string;
      /** That an answer of this status has. */
      readonly headers?: Readonly<Record<string, string>>;
    };

const shortestToken = 16;

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8);
loopback.addAddress("::1", "ipv6");

export function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host === "localhost" || host.endsWith(".localhost");
  return loopback.check(host, version === 6 ? "ipv6" : "ipv4");
}

/** E_TOKEN for an address that others can reach without a token, and for a token that could be guessed. */
export function checkAccessOptions({ host, token }: AccessOptions): void {
  if (token !== undefined && (token.length < shortestToken || !/^[\w.~-]+$/.test(token))) {
    throw new UserError(
      "E_TOKEN",
      `a token of ${countOf(token.length, "character")}`,
      `Give at least ${shortestToken} letters and digits: openssl rand -hex 16 makes such a token.`,
    );
  }
  if (token !== undefined || isLoopback(host)) return;
  throw new UserError(
    "E_TOKEN",
    `--host ${host}: others can reach this address, and there is no token`,
    "Give --token, or leave --host out and reach this machine through ssh -L.",
  );
}

/** Whether the request may be answered. */
export function judgeRequest(
  { headers, url = "/" }: Pick<IncomingMessage, "headers" | "url">,
  { host, token }: AccessOptions,
): Judgement {
  const asked = readHost(headers.host);
  if (asked === undefined) return { kind: "refused", status: 400, text: "no Host" };
  const isOwn =
    isLoopback(asked) ||
    (!isLoopback(host) && (isIP(asked) !== 0 || asked === host || asked === hostname().toLowerCase()));
  if (!isOwn) return { kind: "refused", status: 403, text: "not under this name" };
  const site = headers["sec-fetch-site"];
  if ((site === "cross-site" || site === "same-site") && headers["sec-fetch-mode"] !== "navigate") {
    return { kind: "refused", status: 403, text: "not for other sites" };
  }
  if (token === undefined) return { kind: "allowed" };
  const name = `cram-dashboard-${hashText(host).slice(0, 8)}`;
  const expected = hashText(token);
  const { params } = splitAddress(url);
  const given = params.get("token");
  if (given !== null && isSame(hashText(given), expected)) {
    params.delete("token");
    const rest = params.toString();
    const cookie = `${name}=${expected}; HttpOnly; SameSite=Strict; Path=/`;
    // To the page, whatever the path was: a path of two slashes would be another server's address.
    return { kind: "greeted", cookie, location: rest === "" ? "/" : `/?${rest}` };
  }
  const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
  const cookies = (headers.cookie ?? "").split("; ").filter(cookie => cookie.startsWith(`${name}=`));
  const isKnown =
    (bearer !== undefined && isSame(hashText(bearer), expected)) ||
    cookies.some(cookie => isSame(cookie.slice(name.length + 1), expected));
  if (isKnown) return { kind: "allowed" };
  return {
    kind: "refused",
    status: 401,
    headers: { "WWW-Authenticate": "Bearer" },
    text: "give the token that the command was given: a browser as ?token=, a program as Authorization: Bearer",
  };
}

/** Path and query of a request, as they stand there: nothing is decoded or shortened, for no path is ever opened. */
export function splitAddress(url: string): { path: string; params: URLSearchParams } {
  const at = url.indexOf("?");
  return { path: at === -1 ? url : url.slice(0, at), params: new URLSearchParams(at === -1 ? "" : url.slice(at)) };
}

/** The name or address of a Host header, without port and brackets; undefined where it is none. */
function readHost(header: string | undefined): string | undefined {
  if (header === undefined || !/^[\w.:[\]-]+$/.test(header)) return undefined;
  try {
    return new URL(`http://${header}`).hostname.replace(/^\[|\]$/g, "");
  } catch {
    return undefined;
  }
}

const hashText = (text: string) => createHash("sha256").update(text).digest("hex");

const isSame = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
