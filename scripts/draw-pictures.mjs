// Draws the pictures of docs/TUTORIAL.md: trains two small runs on the READMEs of the installed packages and draws their losses, and a mask
// with what a run of the quickstart said of it. Run it by `npm run pictures`; the pictures are in the repository, for they are small and
// are text.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepare, pretrain } from "../dist/src/library.js";
import { chartStyle } from "../dist/src/report/charts/chart-style.js";
import { listChartGroups } from "../dist/src/report/charts/charts.js";
import { renderLineChart } from "../dist/src/report/charts/line-chart.js";
import { markup, trustMarkup } from "../dist/src/report/page/markup.js";
import { readRun } from "../dist/src/report/runs/run-record.js";

const pictures = join(import.meta.dirname, "../docs/pictures");
const style = markup`<style>${trustMarkup(chartStyle)}</style>`;

/** README's answer to `npm run quickstart`. */
const sentence = ["run npm", "to install the dependencies."];
const candidates = [
  ["install", 0.86],
  ["run", 0.03],
  ["dependencies", 0.02],
  ["-", 0.01],
];

/** Of all, so that their letters are 12 px or larger on a phone. */
const pictureWidth = 340;

function drawMask() {
  const bars = candidates.map(([token, probability], i) => {
    const y = 78 + 26 * i;
    const width = Math.max(2, 160 * probability);
    return markup`<text x="112" y="${y + 14}" text-anchor="end">${token}</text><rect class="key-0" x="122" y="${y}" width="${width}" height="18"/><text x="${130 + width}" y="${y + 14}">${Math.round(100 * probability)} %</text>`;
  });
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${pictureWidth} 196" width="${pictureWidth}" height="196" role="img" aria-labelledby="mask-title"><title id="mask-title">A mask and what the model expects there</title>${style}
<rect class="paper" width="${pictureWidth}" height="196"/>
<text x="68" y="36" text-anchor="end">${sentence[0]}</text><rect class="frame" x="76" y="14" width="60" height="32" rx="4"/><text class="title" x="106" y="36" text-anchor="middle">?</text><text x="144" y="36">${sentence[1]}</text>
<path class="frame" d="M106 46V70"/>
${bars}
</svg>`;
}

async function train(work, data, name, learningRate) {
  const out = join(work, name);
  await pretrain({
    data,
    out,
    recipe: "quickstart",
    set: ["model.width=64", "model.layers=2", "model.vocabulary=1024", `optimizer.learningRate=${learningRate}`],
    budget: "1200steps",
  });
  const { curves, ...record } = readRun(out, name, {});
  // Every tenth step is enough to see, and keeps the picture small.
  const kept = column => column.filter((_, i) => i % 10 === 9);
  const steps = Object.fromEntries(Object.entries(curves.steps).map(([key, column]) => [key, kept(column)]));
  return { ...record, curves: { ...curves, steps } };
}

function drawLoss(runs, id, title) {
  const { chart } = listChartGroups(runs)[0].variants.find(({ chart: each }) => each.id === "loss-by-tokens");
  return renderLineChart({ ...chart, id, title, width: pictureWidth, best: undefined }, style);
}

const work = mkdtempSync(join(tmpdir(), "cram-pictures-"));
try {
  const data = join(work, "data");
  await prepare({
    texts: ["node_modules/**/README.md"],
    out: data,
    recipe: "quickstart",
    vocabulary: 1024,
    holdOut: 0.1,
  });
  const good = await train(work, data, "a good rate", 3e-3);
  const low = await train(work, data, "a rate of a hundredth", 3e-5);
  mkdirSync(pictures, { recursive: true });
  for (const [name, picture] of [
    ["mask", drawMask()],
    ["curve", drawLoss([good], "curve", "A run that goes well")],
    ["flat", drawLoss([good, low], "flat", "A rate that is too low")],
  ]) {
    writeFileSync(join(pictures, `${name}.svg`), `${picture.text.replaceAll("\n\n", "\n")}\n`);
  }
} finally {
  rmSync(work, { recursive: true });
}
