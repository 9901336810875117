// The dashboard in a real browser: what its script draws, says and keeps, while runs begin and end and the server is killed.
// Chromium and playwright-core are no dependencies of this package; where one is missing, src/report/ tests stand alone.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";

/** The part of playwright that is used here; what is evaluated is text, for it runs in another program. */
interface Page {
  goto(url: string): Promise<unknown>;
  evaluate<T>(script: string): Promise<T>;
  focus(selector: string): Promise<void>;
  click(selector: string): Promise<void>;
  on(event: "console", listen: (message: { text(): string }) => void): void;
  on(event: "pageerror", listen: (error: Error) => void): void;
  readonly mouse: {
    move(x: number, y: number, options?: { steps: number }): Promise<void>;
    down(): Promise<void>;
    up(): Promise<void>;
    dblclick(x: number, y: number): Promise<void>;
  };
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
}
interface Playwright {
  readonly chromium: {
    launch(options: object): Promise<{ newPage(): Promise<Page>; close(): Promise<void> }>;
  };
}

const name = "playwright-core";
const playwright = await import(name).then(
  loaded => loaded as Playwright,
  () => undefined,
);
const chromium = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap(place => ["chromium", "chromium-browser", "google-chrome"].map(program => join(place, program)))
  .find(path => existsSync(path));
const skip =
  playwright === undefined ? `${name} is not installed` : chromium === undefined ? "there is no Chromium" : false;

const folder = mkdtempSync(join(tmpdir(), "cram-browser-"));
const main = join(import.meta.dirname, "../../src/cli/main.js");
const messages: string[] = [];
let server: ChildProcess;
let page: Page;
let close: () => Promise<void> = async () => {};

const start = `${JSON.stringify({ kind: "start", step: 0, device: "d", parameters: 5, warmupSeconds: 1, elapsedSeconds: 0, unigramEntropy: 6 })}\n`;
const step = (number: number) =>
  `${JSON.stringify({
    kind: "step",
    ...{ step: number, progress: number / 100, elapsedSeconds: number, loss: 10 - number / 20, gradientNorm: 1 },
    ...{ learningRate: 1e-3, batchSequences: 4, tokens: 512 * number, stepSeconds: 0.5, skipped: false },
  })}\n`;
const steps = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => step(from + i)).join("");

function makeRun(run: string, events: string): void {
  mkdirSync(join(folder, run));
  writeFileSync(join(folder, run, "recipe.json"), JSON.stringify({ name: "r", train: { budget: "100steps" } }));
  writeFileSync(join(folder, run, "data.json"), JSON.stringify({ data: "none" }));
  writeFileSync(join(folder, run, "events.jsonl"), start + events);
}

/** Starts the program and returns where it listens. */
function serve(port: number): Promise<string> {
  server = spawn(process.execPath, [main, "dashboard", folder, "--port", String(port), "--json"]);
  return new Promise((resolve, reject) => {
    server.stdout!.once("data", line => resolve((JSON.parse(line) as { url: string }).url));
    server.once("exit", code => reject(new Error(`the dashboard ended with ${code}`)));
  });
}

let url: string;
before(async () => {
  if (skip !== false) return;
  for (const run of ["fox", "wolf", "bear"]) makeRun(run, steps(1, 40));
  url = await serve(0);
  const browser = await playwright!.chromium.launch({ executablePath: chromium, args: ["--no-sandbox"] });
  close = () => browser.close();
  page = await browser.newPage();
  page.on("console", message => messages.push(message.text()));
  page.on("pageerror", error => messages.push(error.message));
  await page.goto(url);
  await until(`new Set(${drawn}).size === 3`);
});
after(async () => {
  await close();
  server?.kill();
  rmSync(folder, { recursive: true });
});

/** The page's own policy forbids the browser to evaluate text again and again by itself. */
async function until(script: string): Promise<void> {
  while (!(await page.evaluate(script))) await new Promise(resolve => setTimeout(resolve, 20));
}

/** Names of the runs whose loss is drawn. */
const drawn = `[...document.querySelectorAll("#loss svg polyline.line[data-name]")].map(line => line.dataset.name)`;
const shown = `[...document.querySelectorAll("#rows tr")].filter(row => !row.hidden).map(row => row.querySelector("span").textContent)`;
const isDrawn = (...runs: string[]) =>
  until(`JSON.stringify(${drawn}.sort()) === ${JSON.stringify(JSON.stringify(runs))}`);

test("every chart is drawn, everything that is operated has a name, and nothing is logged", { skip }, async () => {
  // Loss, throughput and norm: rate and batch are one number, and these runs' recipes do not tell the arithmetic.
  assert.equal(await page.evaluate(`document.querySelectorAll("figure[tabindex] svg polyline.line").length`), 3 * 3);
  assert.equal(await page.evaluate(`document.querySelectorAll("figure[tabindex]:not([hidden])").length`), 3);
  assert.equal(await page.evaluate(`document.querySelector("#status").textContent`), "live");
  const nameless = `[...document.querySelectorAll("button, input, figure[tabindex], [role=region]")]
    .filter(one => !(one.getAttribute("aria-label") || one.textContent.trim() || [...one.labels ?? []].some(label => label.textContent.trim())))
    .map(one => one.outerHTML)`;
  assert.deepEqual(await page.evaluate(nameless), []);
  assert.deepEqual(messages, []);
});

test("searched, sorted, selected and read out with the keyboard alone, and kept in the address", { skip }, async () => {
  await page.evaluate("document.activeElement.blur()");
  await page.keyboard.press("/");
  await page.keyboard.type("o");
  assert.deepEqual((await page.evaluate<string[]>(shown)).sort(), ["fox", "wolf"]);
  await page.focus("button[data-key=name]");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(`document.querySelector("th.name").getAttribute("aria-sort")`), "ascending");
  assert.deepEqual(await page.evaluate(shown), ["fox", "wolf"]);
  await page.evaluate(`document.querySelectorAll("#rows tr:not([hidden]) input")[0].focus()`);
  const lit = `[...document.querySelectorAll("#loss .lit")].every(line => line.dataset.of === "fox") && document.body.className`;
  assert.equal(await page.evaluate(lit), "lighting");
  await page.keyboard.press("Space");
  await isDrawn("bear", "wolf");
  await page.focus("#loss figure");
  await page.keyboard.press("Home");
  assert.match(
    await page.evaluate(`document.querySelector("#loss figure output").textContent`),
    /^time, seconds 0: .*wolf 9\.9/,
  );
  await page.goto(await page.evaluate("location.href"));
  await isDrawn("bear", "wolf");
  assert.deepEqual(await page.evaluate(shown), ["fox", "wolf"]);
});

test("a part is enlarged by dragging and by keys, smoothed, and the same after a reload", { skip }, async () => {
  const shownOf = (figure: number) =>
    `(axis => [axis.low, axis.high])(JSON.parse(document.querySelectorAll("figure[tabindex]")[${figure}].querySelector("svg").dataset.x))`;
  const isShown = (low: number, high: number) =>
    until(
      `[0, 1].every(i => { const [low, high] = [${shownOf(0)}, ${shownOf(3)}][i]; return Math.abs(low - ${low}) < 0.5 && Math.abs(high - ${high}) < 0.5; })`,
    );
  const placeAt = (share: number) =>
    page.evaluate<[number, number]>(`(() => {
      const svg = document.querySelector("#loss svg");
      svg.scrollIntoView({ block: "center" });
      const [left, top, width] = svg.dataset.plot.split(" ").map(Number);
      const box = svg.getBoundingClientRect();
      const scale = box.width / svg.viewBox.baseVal.width;
      return [box.left + scale * (left + ${share} * width), box.top + scale * (top + 100)];
    })()`);
  await isShown(0, 40);
  await page.mouse.move(...(await placeAt(0.75)));
  await page.mouse.down();
  await page.mouse.move(...(await placeAt(0.25)), { steps: 4 });
  assert.equal(await page.evaluate(`document.querySelectorAll("#loss .marked").length`), 1);
  await page.mouse.up();
  await isShown(10, 30);
  assert.match(await page.evaluate(`document.querySelector("#ranges").textContent`), /time/);
  // From the cursor, which stands at the start, half as much; then a quarter of it onward.
  await page.focus("#loss figure");
  for (const key of ["Home", "+"]) await page.keyboard.press(key);
  await isShown(10, 20);
  await page.keyboard.press("Shift+ArrowRight");
  await isShown(12.5, 22.5);
  await page.focus("#smooth");
  for (const key of ["ArrowRight", "ArrowRight"]) await page.keyboard.press(key);
  assert.equal(await page.evaluate(`document.querySelector("#smoothed").textContent`), "1 % of the axis");
  await until(`document.querySelectorAll("#loss .each").length === 2`);
  await page.goto(await page.evaluate("location.href"));
  await until(`document.querySelector("#loss svg") !== null`);
  await isShown(12.5, 22.5);
  assert.equal(await page.evaluate(`document.querySelector("#smooth").value`), "2");
  await page.mouse.dblclick(...(await placeAt(0.5)));
  await isShown(0, 40);
  assert.equal(await page.evaluate(`document.querySelector("#whole").hidden`), true);
  assert.deepEqual(messages, []);
});

test("a run that is removed leaves the table and the charts, another's colour stays", { skip }, async () => {
  const colour = `document.querySelector('#loss svg polyline.line[data-name="bear"]').getAttribute("class")`;
  const before = await page.evaluate(colour);
  // Once nothing is asked for any more, only the removal can be why the charts are asked for again.
  await page.evaluate("globalThis.views = -1");
  await until(
    `views === (views = performance.getEntriesByType("resource").length) || new Promise(resolve => setTimeout(resolve, 2500))`,
  );
  rmSync(join(folder, "wolf"), { recursive: true });
  await isDrawn("bear");
  await until(`${shown}.join() === "fox"`);
  assert.equal(await page.evaluate(colour), before);
});

test("a killed server is said, and its successor goes on without a point twice", { skip }, async () => {
  assert.deepEqual(messages, []);
  const gone = new Promise(resolve => server.removeAllListeners("exit").once("exit", resolve));
  server.kill("SIGKILL");
  await gone;
  await until(`document.querySelector("#status").textContent.startsWith("no connection")`);
  appendFileSync(join(folder, "bear/events.jsonl"), steps(41, 60));
  await serve(Number(new URL(url).port));
  await until(`document.querySelector("#status").textContent === "live"`);
  const points = `document.querySelector('#loss svg polyline.line[data-name="bear"]').getAttribute("points").split(" ")`;
  await until(`${points}.length === 60`);
  const places = await page.evaluate<string[]>(points);
  assert.equal(new Set(places).size, 60);
});
