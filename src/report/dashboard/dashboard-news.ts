// What has changed in a dashboard's table, for each of its readers: rows are described once a second and sent to whoever has
// not had them. A reader that does not keep up is passed over until it has read, and gets the newest then.

import type { ServerResponse } from "node:http";
import type { Clock } from "../../base/clock.ts";
import { pageName } from "./dashboard-page.ts";
import { describeRow, type Row, rowColumns } from "./dashboard-rows.ts";
import type { RunWatch, WatchedRun } from "./dashboard-runs.ts";

/** One message of the stream. */
export interface News {
  readonly page: string;
  /** The first of a connection: rows that are not in it are gone. */
  readonly isWhole: boolean;
  readonly isComplete: boolean;
  readonly rows: readonly Row[];
  readonly removed: readonly string[];
}

export interface NewsDesk {
  /** Opens the stream; false where there are too many. */
  subscribe(response: ServerResponse): boolean;
  /** Describes the runs as they are and sends what is new. */
  publish(): void;
  close(): void;
}

const mostReaders = 64;
const longestBacklogBytes = 1 << 20;
const secondsBetweenSigns = 15;

function describeRunRow(run: WatchedRun, nowSeconds: number): Row {
  try {
    return describeRow(run, nowSeconds);
  } catch (error) {
    run.refuse(error);
    return { name: run.name, trouble: run.trouble ?? null, cells: rowColumns.map(() => ["", null]) };
  }
}

export function openNewsDesk(watch: RunWatch, clock: Clock): NewsDesk {
  /** By name, as they were sent; a new array object for a changed row. */
  const rows = new Map<string, { readonly row: Row; readonly text: string }>();
  const readers = new Map<ServerResponse, { sent: ReadonlyMap<string, string> | undefined; isComplete: boolean }>();
  let signAt = Number.NEGATIVE_INFINITY;
  const describe = () => {
    const nowSeconds = clock.date().getTime() / 1000;
    for (const name of rows.keys()) if (!watch.runs.has(name)) rows.delete(name);
    for (const run of watch.runs.values()) {
      const row = describeRunRow(run, nowSeconds);
      // What the charts draw may have changed where no cell has.
      const text = `${run.tail.version} ${JSON.stringify(row)}`;
      if (rows.get(run.name)?.text !== text) rows.set(run.name, { row, text });
    }
  };
  const send = (response: ServerResponse, isSign: boolean) => {
    const reader = readers.get(response)!;
    if (response.writableLength > longestBacklogBytes) return;
    const { sent } = reader;
    const changed = [...rows].filter(([name, { text }]) => sent?.get(name) !== text).map(([, { row }]) => row);
    const removed = [...(sent?.keys() ?? [])].filter(name => !rows.has(name));
    const isSame = sent !== undefined && changed.length === 0 && removed.length === 0;
    if (isSame && reader.isComplete === watch.isComplete) {
      if (isSign) response.write(":\n\n");
      return;
    }
    const news: News = {
      page: pageName,
      isWhole: sent === undefined,
      isComplete: watch.isComplete,
      rows: changed,
      removed,
    };
    readers.set(response, {
      sent: new Map([...rows].map(([name, { text }]) => [name, text])),
      isComplete: watch.isComplete,
    });
    response.write(`data: ${JSON.stringify(news)}\n\n`);
  };
  return {
    subscribe: response => {
      if (readers.size >= mostReaders) return false;
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write("retry: 1000\n\n");
      readers.set(response, { sent: undefined, isComplete: true });
      response.on("close", () => readers.delete(response));
      describe();
      send(response, false);
      return true;
    },
    publish: () => {
      if (readers.size === 0) return;
      const isSign = clock.seconds() - signAt > secondsBetweenSigns;
      if (isSign) signAt = clock.seconds();
      describe();
      for (const response of readers.keys()) send(response, isSign);
    },
    close: () => {
      for (const response of readers.keys()) response.end();
    },
  };
}
