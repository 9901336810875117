// The server as a browser sees it: over HTTP, with files that grow meanwhile.

import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import type { News } from "./dashboard-news.ts";
import { rowColumns } from "./dashboard-rows.ts";
import { type Dashboard, type DashboardOptions, openDashboard } from "./dashboard-server.ts";
import type { View } from "./dashboard-view.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-dashboard-"));
const root = join(folder, "runs");
const token = "0123456789abcdef";
const hostile = `<img src=x onerror='alert(1)'>"&run=plain`;

const step = (number: number) =>
  `${JSON.stringify({
    kind: "step",
    ...{ step: number, progress: number / 100, elapsedSeconds: number, loss: 10 - number / 20, gradientNorm: 1 },
    ...{ learningRate: 1e-3, batchSequences: 4, tokens: 512 * number, stepSeconds: 0.5, skipped: false },
  })}\n`;
const start = `${JSON.stringify({ kind: "start", step: 0, device: "d", parameters: 5, warmupSeconds: 1, elapsedSeconds: 0 })}\n`;
function makeRun(name: string, steps: number, word = "plain"): string {
  const run = join(root, name);
  mkdirSync(run, { recursive: true });
  writeFileSync(join(run, "recipe.json"), JSON.stringify({ name: word, train: { budget: "100steps" } }));
  writeFileSync(join(run, "data.json"), JSON.stringify({ data: join(folder, "none") }));
  const events = join(run, "events.jsonl");
  writeFileSync(events, start + Array.from({ length: steps }, (_, i) => step(i + 1)).join(""));
  return events;
}

let dashboard: Dashboard;
const options: DashboardOptions = {
  ...{ folder: root, host: "127.0.0.1", port: 0, token: undefined },
  clock: systemClock,
  readRecipeFacts: () => ({ flopsPerToken: 1000 }),
};
before(async () => {
  makeRun("plain", 40);
  makeRun("deep/er/other", 20, hostile);
  mkdirSync(join(root, "empty"));
  mkdirSync(join(folder, "outside"));
  writeFileSync(join(folder, "outside/events.jsonl"), start);
  symlinkSync(join(folder, "outside"), join(root, "link"));
  dashboard = await openDashboard(options);
});
after(async () => {
  dashboard.close();
  await dashboard.done;
  rmSync(folder, { recursive: true });
});

const ask = (path: string, headers: Record<string, string> = {}, method = "GET", url = dashboard.url) =>
  new Promise<{ status: number; headers: IncomingMessage["headers"]; text: string }>((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const asked = request({ hostname, port, path, method, headers }, response => {
      let text = "";
      response.setEncoding("utf8").on("data", part => (text += part));
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    asked.on("error", reject).end();
  });

/** Reads the stream until a message that is wanted. */
function awaitNews(isWanted: (news: News) => boolean): Promise<News> {
  return new Promise((resolve, reject) => {
    const asked = get(`${dashboard.url}runs`, response => {
      let text = "";
      response.setEncoding("utf8").on("data", part => {
        text += part;
        const messages = text.split("\n\n");
        text = messages.pop()!;
        for (const message of messages) {
          if (!message.startsWith("data: ")) continue;
          const news = JSON.parse(message.slice(6)) as News;
          if (!isWanted(news)) continue;
          asked.destroy();
          resolve(news);
        }
      });
    });
    asked.on("error", reject);
  });
}
const cellOf = (news: News, name: string, key: string) =>
  news.rows.find(row => row.name === name)?.cells[rowColumns.findIndex(column => column.key === key)];

test("the page is whole, and its policy allows its own script and nothing from elsewhere", async () => {
  const { status, headers, text } = await ask("/");
  assert.equal(status, 200);
  assert.match(
    headers["content-security-policy"] as string,
    /^default-src 'none';.*script-src 'sha256-[^']+'; connect-src 'self'/,
  );
  assert.equal(text.match(/<script/g)?.length, 1);
  assert.doesNotMatch(text, /https?:\/\/|src=|@import/);
  const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(match => match[1]!);
  assert.equal(new Set(ids).size, ids.length);
  const script = /<script>([\s\S]*)<\/script>/.exec(text)![1]!;
  assert.doesNotThrow(() => new Function(script));
  for (const [, id] of script.matchAll(/element\("([^"]+)"\)/g)) assert.ok(ids.includes(id!), id);
});

test("runs are found at every depth, with how they stand", async () => {
  const news = await awaitNews(({ rows }) => rows.length === 2);
  assert.deepEqual(news.rows.map(({ name }) => name).sort(), ["deep/er/other", "plain"]);
  const whole = await awaitNews(some => cellOf(some, "plain", "steps")?.[1] === 40);
  assert.deepEqual(cellOf(whole, "plain", "progress"), ["40 %", 0.4]);
  assert.deepEqual(cellOf(whole, "plain", "left"), ["1 min", 60]);
  assert.deepEqual(cellOf(whole, "plain", "throughput"), ["1,024", 1024]);
  assert.equal(cellOf(whole, "plain", "state")?.[0], "training");
});

test("what training appends, and a run that begins, are sent without being asked for", async () => {
  const events = makeRun("live", 1);
  await awaitNews(news => cellOf(news, "live", "steps")?.[1] === 1);
  // What happens before a reader is there is in its first message already.
  const grown = await awaitNews(news => {
    if (news.isWhole) appendFileSync(events, step(2));
    return !news.isWhole && cellOf(news, "live", "steps")?.[1] === 2;
  });
  assert.deepEqual(cellOf(grown, "live", "loss")?.[1], 9.9);
  appendFileSync(
    events,
    `${JSON.stringify({ kind: "end", step: 2, elapsedSeconds: 2, tokens: 1024, reason: "budget" })}\n`,
  );
  await awaitNews(news => cellOf(news, "live", "state")?.[0] === "finished");
  await awaitNews(({ isWhole, removed }) => {
    if (isWhole) rmSync(join(root, "live"), { recursive: true });
    return removed.includes("live");
  });
});

test("charts are the report's, of the runs that are asked for, in the colours of their places", async () => {
  const view = JSON.parse((await ask("/view?run=&run=plain&run=none&axes=1&sections=1")).text) as View;
  assert.equal(view.charts.length, 6);
  assert.match(view.charts[0]!, /data-name="plain"/);
  assert.match(view.charts[0]!, /class="line run-1"/);
  assert.match(view.charts[0]!, /time, seconds \(logarithmic\)|loss, nats per token \(logarithmic\)/);
  assert.doesNotMatch(view.charts.join(""), /run-0|other/);
  assert.match(view.sections!.budgets!, /100steps/);
  assert.equal(view.sections!.fills, null);
  assert.equal((JSON.parse((await ask("/view?run=plain")).text) as View).sections, undefined);
});

test("a range is of every chart along that axis, smoothing of what is noisy, and what is neither is passed over", async () => {
  const draw = async (more: string) => (JSON.parse((await ask(`/view?run=plain&${more}`)).text) as View).charts;
  const axisOf = (chart: string) =>
    (/data-x="([^"]+)"/.exec(chart)![1]!.match(/(?<=&quot;:)[\d.]+/g) ?? []).map(Number);
  const whole = await draw("axes=0");
  const part = await draw("axes=0&range=time:10:20&smooth=5");
  assert.deepEqual(axisOf(whole[0]!), [0, 40]);
  for (const chart of part.filter(each => each !== "")) assert.deepEqual(axisOf(chart), [10, 20]);
  // Of 10 and 20 seconds the losses are 9.5 and 9, and by half-lives of half a second the mean lags by less than 2 steps.
  assert.match(part[0]!, /<polyline class="each/);
  const ends = /class="line run-0" data-name="plain" data-of="plain" points="([^"]+)"/.exec(part[0]!)![1]!.split(" ");
  assert.deepEqual([ends[0]!.split(",")[0], ends.at(-1)!.split(",")[0], ends.length], ["74", "880", 11]);
  // Along tokens all is shown.
  assert.deepEqual(axisOf((await draw("axes=2&range=time:10:20"))[0]!), axisOf((await draw("axes=2"))[0]!));
  for (const odd of [
    "range=time:20:10",
    "range=time:a:b",
    "range=time",
    "range=:1:2",
    "range=time:1:1e999",
    "smooth=x",
    "smooth=-1",
  ])
    assert.deepEqual(await draw(`axes=0&${odd}`), whole, odd);
});

test("what a file says is text", async () => {
  const { text } = await ask("/view?run=deep%2Fer%2Fother&sections=1");
  const { sections } = JSON.parse(text) as View;
  assert.match(sections!.recipes!, /&lt;img src=x/);
  assert.doesNotMatch(text, /<img/);
});

test("no address leads to a file", async () => {
  const paths = [
    "/../../etc/passwd",
    "/..%2f..%2fetc/passwd",
    "/plain/events.jsonl",
    "//etc/passwd",
    "/constructor",
    "*",
    "/%",
  ];
  for (const path of paths) assert.equal((await ask(path)).status, 404, path);
  for (const name of ["../outside", "link", "/etc", "plain/../../outside", "__proto__"]) {
    const view = JSON.parse((await ask(`/view?run=${encodeURIComponent(name)}&axes=-1e9`)).text) as View;
    assert.match(view.charts[0]!, /no points yet/, name);
  }
  const posted = await ask("/", {}, "POST");
  assert.deepEqual([posted.status, posted.headers.allow], [405, "GET, HEAD"]);
});

test("other names and other sites are refused on every route", async () => {
  for (const path of ["/", "/runs", "/view", "/favicon.ico"]) {
    assert.equal((await ask(path, { Host: "evil.example" })).status, 403, path);
    assert.equal((await ask(path, { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors" })).status, 403, path);
  }
});

test("with a token every route asks for it", async () => {
  const guarded = await openDashboard({ ...options, token });
  try {
    for (const path of ["/", "/runs", "/view"]) {
      const { status, headers } = await ask(path, {}, "GET", guarded.url);
      assert.deepEqual([status, headers["www-authenticate"]], [401, "Bearer"], path);
    }
    const greeted = await ask(`/?token=${token}`, {}, "GET", guarded.url);
    assert.deepEqual([greeted.status, greeted.headers.location], [303, "/"]);
    const cookie = greeted.headers["set-cookie"]![0]!.split(";")[0]!;
    assert.equal((await ask("/", { Cookie: cookie }, "GET", guarded.url)).status, 200);
  } finally {
    guarded.close();
    await guarded.done;
  }
});

test("two thousand views at once are each answered, and the page does not wait for them", async () => {
  const { hostname, port } = new URL(dashboard.url);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("utf8").on("data", part => (text += part));
  socket.write(`GET /view?run=plain HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`.repeat(2000));
  const start = performance.now();
  assert.equal((await ask("/")).status, 200);
  const seconds = (performance.now() - start) / 1000;
  const statuses = () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  for (let i = 0; i < 1000 && statuses().length < 2000; i++) await new Promise(resolve => setTimeout(resolve, 20));
  socket.destroy();
  assert.equal(statuses().length, 2000);
  assert.deepEqual([...new Set(statuses())].sort(), ["200", "503"]);
  assert.ok(seconds < 5, `${seconds} s`);
});

test("an address that cannot be listened on is an error with advice", async () => {
  const refuse = (change: Partial<DashboardOptions>, code: string) =>
    assert.rejects(
      openDashboard({ ...options, ...change }),
      (error: unknown) => error instanceof UserError && error.code === code,
    );
  await refuse({ port: Number(new URL(dashboard.url).port) }, "E_ADDRESS");
  await refuse({ host: "203.0.113.1", token }, "E_ADDRESS");
  await refuse({ host: "0.0.0.0" }, "E_TOKEN");
});
