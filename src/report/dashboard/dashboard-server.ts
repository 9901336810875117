// The dashboard's server: a page, a stream of what has changed (server-sent events), and charts of the runs that are asked for.
// It reads and never writes, and no part of an address becomes a path: runs are looked up among those that were found.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setImmediate as passOn } from "node:timers/promises";
import { isDrawable } from "../charts/axis.ts";
import type { Range } from "../charts/shown-points.ts";
import { describeTrouble } from "../runs/check.ts";
import { type AccessOptions, checkAccessOptions, judgeRequest, splitAddress } from "./dashboard-access.ts";
import { openNewsDesk } from "./dashboard-news.ts";
import { dashboardPolicy, renderDashboardPage } from "./dashboard-page.ts";
import { type RunWatch, type WatchOptions, watchRuns } from "./dashboard-runs.ts";
import { renderView, type ViewChoice } from "./dashboard-view.ts";
import { listen } from "./listen.ts";

export interface DashboardOptions extends WatchOptions, AccessOptions {
  /** 0 takes a free one. */
  readonly port: number;
}

export interface Dashboard {
  /** Without the token. */
  readonly url: string;
  /** Ends when the server is closed; throws what following the runs threw. */
  readonly done: Promise<void>;
  close(): void;
}

/**
 * Serves the runs below a folder until it is closed. Errors: E_TOKEN for an address that needs one; E_ADDRESS where the
 * server cannot listen.
 */
export async function openDashboard(options: DashboardOptions): Promise<Dashboard> {
  checkAccessOptions(options);
  const watch = watchRuns(options);
  const news = openNewsDesk(watch, options.clock);
  const page = renderDashboardPage(options.folder);
  const views = queueViews();
  const server = createServer((request, response) => {
    answer(request, response, options, {
      "/": () => send(response, 200, "text/html; charset=utf-8", page),
      "/runs": () =>
        request.method === "HEAD"
          ? send(response, 200, "text/event-stream", "")
          : news.subscribe(response) || send(response, 503, "text/plain", "too many readers"),
      "/view": params => views.print(readChoice(params, watch), response),
      // Browsers ask for it unasked.
      "/favicon.ico": () => send(response, 204, "image/x-icon", ""),
    });
  });
  server.maxConnections = mostConnections;
  const url = await listen(server, options);
  const stop = new AbortController();
  const timer = setInterval(() => news.publish(), 1000);
  const close = () => {
    stop.abort();
    clearInterval(timer);
    news.close();
    server.close();
    server.closeAllConnections();
  };
  return { url, done: watch.follow(stop.signal).finally(close), close };
}

type Routes = Readonly<Record<string, (params: URLSearchParams) => void>>;

function answer(request: IncomingMessage, response: ServerResponse, access: AccessOptions, routes: Routes): void {
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("Content-Security-Policy", dashboardPolicy);
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("X-Content-Type-Options", "nosniff");
  const judgement = judgeRequest(request, access);
  const { path, params } = splitAddress(request.url ?? "/");
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (judgement.kind === "refused") {
    send(response, judgement.status, "text/plain", judgement.text, judgement.headers);
  } else if (judgement.kind === "greeted") {
    response.setHeader("Set-Cookie", judgement.cookie);
    response.setHeader("Location", judgement.location);
    send(response, 303, "text/plain", "");
  } else if (request.method !== "GET" && request.method !== "HEAD") {
    send(response, 405, "text/plain", "only GET", { Allow: "GET, HEAD" });
  } else if (route === undefined) send(response, 404, "text/plain", "not here");
  else route(params);
}

/** Fewer than the files that a process may open, 256 on macOS, so that there are some left for the runs. */
const mostConnections = 128;
const mostViewsWaiting = 32;

/** Charts cost some milliseconds each, so they are printed one by one, and everything else has its turn between two. */
function queueViews() {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const show = (choice: ViewChoice, response: ServerResponse) => {
    try {
      if (!response.destroyed) send(response, 200, "application/json", JSON.stringify(renderView(choice)));
    } catch (error) {
      send(response, 500, "text/plain", describeTrouble(error));
    }
  };
  return {
    print: (choice: ViewChoice, response: ServerResponse) => {
      if (waiting >= mostViewsWaiting) return send(response, 503, "text/plain", "too many views at once");
      waiting++;
      last = last
        .then(() => passOn())
        .then(() => {
          waiting--;
          show(choice, response);
        });
    },
  };
}

function send(response: ServerResponse, status: number, type: string, content: string, headers = {}): void {
  response.writeHead(status, { "Content-Type": type, ...headers }).end(content);
}

/** More are not drawn at once. */
const mostDrawn = 200;

/**
 * run=NAME for each colour, run= for a free one; axes=the place of the loss's axes; sections=1; width= the pixels of each figure;
 * smooth=2, the half-life in hundredths of the axis; range=time:LOW:HIGH, in seconds, tokens or FLOPs.
 */
function readChoice(params: URLSearchParams, { runs }: RunWatch): ViewChoice {
  return {
    runs: params
      .getAll("run")
      .slice(0, mostDrawn)
      .map(name => runs.get(name)),
    variants: [Number(params.get("axes") ?? 0)],
    withSections: params.get("sections") === "1",
    widths: params.getAll("width").map(Number).filter(Number.isFinite),
    ranges: readRanges(params.getAll("range")),
    smoothing: readSmoothing(params.get("smooth")),
  };
}

/** The last of an axis counts; what is no range is passed over. */
const readRanges = (texts: readonly string[]): Map<string, Range> =>
  new Map(
    texts.flatMap(text => {
      const [, name, ends] = /^(\w+):(.*)$/.exec(text) ?? [];
      const [low = Number.NaN, high = Number.NaN] = (ends ?? "").split(":").map(Number);
      const isRange = low >= 0 && low < high && isDrawable("linear", high);
      return name !== undefined && isRange ? [[name, [low, high]] as const] : [];
    }),
  );

function readSmoothing(text: string | null): number | undefined {
  const share = Number(text) / 100;
  return share > 0 && share <= 1 ? share : undefined;
}
