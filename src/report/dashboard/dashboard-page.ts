// The dashboard's page before any run is known: a table, empty figures and empty sections that the script fills. It is the same
// for everybody and needs nothing else, so it is there at once.

import { createHash } from "node:crypto";
import { runColours } from "../charts/chart-style.ts";
import { type Markup, markup, trustMarkup } from "../page/markup.ts";
import { pageScript } from "../page/page-script.ts";
import { pageStyle } from "../page/page-style.ts";
import { rowColumns } from "./dashboard-rows.ts";
import { dashboardScript } from "./dashboard-script.ts";
import { viewGroups, viewSections } from "./dashboard-view.ts";
import { zoomScript } from "./zoom.ts";

const script = `${pageScript}const runColours = ${runColours};\n${dashboardScript}${zoomScript}`;

const style = `${pageStyle}
body{max-width:1280px}.tools{display:flex;flex-wrap:wrap;gap:.5rem .8rem;align-items:center;margin:.8rem 0}
.tools input,.tools button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:.4em;padding:.25rem .6rem}
.tools input{min-width:16rem}.tools button:hover,thead button:hover{background:var(--chosen)}
#runs .wide{max-height:55vh;overflow:auto;border:1px solid var(--line);border-radius:.4em;margin:0}
#runs table{width:100%;font-size:.86rem}#runs th,#runs td{padding:.22rem .5rem;white-space:nowrap;max-width:26rem;text-align:right}
#runs tbody th{overflow:hidden;text-overflow:ellipsis}
#runs th:first-child,#runs :is(th,td):is(.state,.recipe){text-align:left}
#runs thead th{position:sticky;top:0;background:var(--paper);padding:0;box-shadow:inset 0 -1px var(--line);z-index:1}
thead button{all:unset;cursor:pointer;padding:.35rem .5rem;display:block;box-sizing:border-box;width:100%}
thead button:focus-visible{outline:2px solid var(--link);outline-offset:-2px}
th[aria-sort=ascending] button::after{content:" ▴";content:" ▴"/""}th[aria-sort=descending] button::after{content:" ▾";content:" ▾"/""}
tbody label{cursor:pointer}tbody label svg{vertical-align:middle}tbody tr:hover{background:var(--chosen)}
td.progress{background:linear-gradient(var(--chosen),var(--chosen)) 0 100%/var(--share,0) 100% no-repeat}
tr[data-state=training] .state{font-weight:600}tr[data-state=unreadable] .state,tr[data-state=silent] .state{color:var(--bad)}
:root{--bad:#b3261e}@media screen and (prefers-color-scheme:dark){:root{--bad:#ff8a80}}
.variants figure{display:block}figure{min-height:12rem}:is(section,figure)[hidden]{display:none}
#budgets figure,#scores figure,#data figure{min-height:0}
.lighting [data-of]:not(.lit){opacity:.12}.lighting .line.lit{stroke-width:3}
@media (pointer:coarse){#smooth{height:2.2rem;width:11rem}tbody label{display:inline-block;padding:.4rem 0}}
figure svg{cursor:crosshair;touch-action:pan-y pinch-zoom;user-select:none;-webkit-user-select:none}.marked{fill:var(--link);opacity:.2}
#drawing input{min-width:0;width:8.5rem;padding:0;accent-color:var(--link)}#drawing output{min-width:7rem;font-size:.87rem}#drawing button[hidden]{display:none}
#troubles p{color:var(--bad);margin:.2rem 0}
@media print{.tools{display:none}#runs .wide{max-height:none}#runs table{font-size:8px}#runs th,#runs td{white-space:normal;padding:.15rem .3rem}}`;

const hash = (text: string) => createHash("sha256").update(text).digest("base64");

/** Sent with the page; it allows this script, and requests to where the page came from. */
export const dashboardPolicy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash(script)}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const titles: Readonly<Record<string, string>> = {
  budgets: "Budget",
  scores: "Downstream scores",
  fills: "Filled masks",
  data: "Data",
  recipes: "Recipes",
};

const figure = (title: string): Markup =>
  markup`<figure tabindex="0" role="group" aria-label="${title}"><output></output></figure>\n`;

const [loss, ...others] = viewGroups;

const page = (folder: string, name: string | undefined): Markup => markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Runs</title>
<style>${trustMarkup(style)}</style></head><body${name === undefined ? "" : markup` data-page="${name}"`}>
<header><h1>Runs in ${folder}</h1><p class="soft"><span role="status" id="status">connecting</span></p></header>
<main>
<section id="runs" aria-label="Runs">
<div class="tools"><input type="search" id="search" aria-label="Search runs" aria-keyshortcuts="/" placeholder="Search (press /)" autocomplete="off" spellcheck="false">
<button type="button" id="select-shown">Select all shown</button><button type="button" id="select-none">Select none</button><span class="soft" role="status" id="count"></span></div>
<div class="wide" tabindex="0" role="region" aria-label="Table of runs"><table aria-label="Runs; the selected ones are drawn below">
<thead><tr id="head">${[{ key: "name", name: "run", quantity: "text" }, ...rowColumns].map(({ key, name: shown, quantity }) => markup`<th scope="col" class="${key}"><button type="button" data-key="${key}" data-first="${quantity === "text" && key !== "changed" ? "text" : "figure"}">${shown}</button></th>`)}</tr></thead>
<tbody id="rows"></tbody></table></div>
<div id="troubles"></div><noscript><p>This page is live and needs its script; cram report makes one that does not.</p></noscript></section>
<section aria-labelledby="loss-heading" id="loss"><h2 id="loss-heading">Loss</h2>
<div class="tools" id="drawing"><label for="smooth">Smoothing</label><input type="range" id="smooth" min="0" max="6" step="1" value="0" aria-describedby="drawing-said"><output for="smooth" id="smoothed">off</output>
<button type="button" id="whole" hidden>Show all</button><span class="soft" role="status" id="ranges"></span></div>
<p class="soft" id="drawing-said">Smoothed is an exponential mean: a point counts half as much for each such part of the axis that it lies back. Drag over a chart to
enlarge a part, double-click or tap twice for all; with keys: + and −, Shift and arrows, 0.</p>
<fieldset class="variants" id="loss-axes"><legend>Axes of loss</legend>${loss!.variants.map(({ name: shown }, i) => markup`<input type="radio" name="axes" value="${i}" id="axes-${i}"${i === 0 ? trustMarkup(" checked") : ""}><label for="axes-${i}">${shown}</label>`)}
${figure("Loss")}</fieldset></section>
<section aria-labelledby="course-heading"><h2 id="course-heading">Course of training</h2><div class="grid-of-two">${others.map(({ title }) => figure(title))}</div></section>
${viewSections.map(id => markup`<section id="${id}" aria-labelledby="${id}-heading" hidden><h2 id="${id}-heading">${titles[id]}</h2><div></div></section>\n`)}
</main>
<footer><p class="soft">Faint lines are the lowest and highest steps of each interval of time, thick lines means, dots validations. Of more than
eight runs the means alone are drawn. <code>cram report RUN…</code> makes a page of the selected runs that can be kept.</p></footer>
<script>${trustMarkup(script)}</script></body></html>
`;

/** Which page this is: another one after an update, so that an open page knows that it has to be loaded again. */
export const pageName = hash(page("", undefined).text);

export const renderDashboardPage = (folder: string): string => page(folder, pageName).text;
