// What a dashboard's page does: listens to the server for the table's rows, asks for the charts of the selected runs when one
// of them has changed, and keeps what a person chose in the address, so that a reload and a restarted server change nothing.

export const dashboardScript = `"use strict";
const element = id => document.getElementById(id);
const head = element("head");
const body = element("rows");
const columns = [...head.querySelectorAll("button")].map(button => button.dataset.key);
const figures = [...document.querySelectorAll("figure[tabindex]")];
const freshRuns = 6;
const rows = new Map();
const chosen = new URLSearchParams(location.search);
let slots = chosen.getAll("run");
let isChosen = chosen.has("run");
let sort = columns.includes(chosen.get("sort")?.replace("-", "")) ? chosen.get("sort") : "-changed";
element("search").value = chosen.get("search") ?? "";
// By the name of the axis: from where to where it is shown.
const ranges = new Map(chosen.getAll("range").map(text => text.split(":")).map(([name, low, high]) => [name, [Number(low), Number(high)]]));
const halfLives = ["0", "0.5", "1", "2", "5", "10", "20"];
element("smooth").value = Math.max(0, halfLives.indexOf(chosen.get("smooth")));
for (const radio of document.querySelectorAll("#loss-axes input")) radio.checked = radio.value === (chosen.get("axes") ?? "0");

function remember() {
  const params = new URLSearchParams();
  if (isChosen) for (const name of slots.length === 0 ? [""] : slots) params.append("run", name);
  if (sort !== "-changed") params.set("sort", sort);
  if (element("search").value !== "") params.set("search", element("search").value);
  if (axes() !== "0") params.set("axes", axes());
  addDrawing(params);
  const text = params.toString();
  history.replaceState(null, "", text === "" ? location.pathname : "?" + text);
}
const axes = () => document.querySelector("#loss-axes input:checked").value;

const smoothing = () => halfLives[element("smooth").value];
function addDrawing(params) {
  if (smoothing() !== "0") params.set("smooth", smoothing());
  for (const [name, ends] of ranges) params.append("range", [name, ...ends].join(":"));
}
function sayDrawing() {
  const said = smoothing() === "0" ? "off" : smoothing() + " % of the axis";
  element("smoothed").textContent = said;
  element("smooth").setAttribute("aria-valuetext", said);
  element("whole").hidden = ranges.size === 0;
  element("ranges").textContent = ranges.size === 0 ? "" : "a part of " + [...ranges.keys()].join(" and ") + " is shown";
}
function changeDrawing() {
  sayDrawing();
  remember();
  askForView(true);
}
function changeRange(name, ends) {
  if (ends === undefined && !ranges.has(name)) return;
  if (ends === undefined) ranges.delete(name);
  else ranges.set(name, ends);
  changeDrawing();
}

// A selected run keeps its place among the slots, which is its colour.
function select(name, wanted) {
  const at = slots.indexOf(name);
  if (wanted && at === -1) {
    const free = slots.findIndex(slot => slot === "");
    if (free === -1) slots.push(name);
    else slots[free] = name;
  } else if (!wanted && at !== -1) {
    slots[at] = "";
    while (slots.at(-1) === "") slots.pop();
  }
}
function choose(change) {
  change();
  isChosen = true;
  drawKeys();
  remember();
  askForView(true);
}
function selectFresh() {
  const order = columns.indexOf("changed");
  const newest = [...rows.values()].sort((a, b) => compare(b.cells[order][1], a.cells[order][1]) || compare(a.name, b.name));
  const names = newest.slice(0, freshRuns).map(({ name }) => name);
  for (const name of [...slots]) if (!names.includes(name)) select(name, false);
  for (const name of names) select(name, true);
}

const compare = (a, b) => a === b ? 0 : a === null ? 1 : b === null ? -1 : typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
function makeRow(name) {
  const line = document.createElement("tr");
  line.innerHTML = '<th scope="row"><label><input type="checkbox"><svg width="20" height="10" aria-hidden="true"><line x1="1" y1="5" x2="19" y2="5"/></svg> <span></span></label></th>' +
    columns.slice(1).map(key => '<td class="' + key + '"></td>').join("");
  const box = line.querySelector("input");
  line.querySelector("span").textContent = name;
  box.addEventListener("change", () => choose(() => select(name, box.checked)));
  return { name, line, box, key: line.querySelector("line"), cells: [] };
}
function setRow({ name, trouble, cells }) {
  const row = rows.get(name) ?? makeRow(name);
  rows.set(name, row);
  row.cells = [[name, name], ...cells];
  row.line.title = trouble ?? "";
  cells.forEach(([text], i) => {
    const cell = row.line.cells[i + 1];
    if (cell.textContent !== text) cell.textContent = text;
  });
  const share = row.cells[columns.indexOf("progress")][1] ?? 0;
  row.line.querySelector(".progress").style.setProperty("--share", 100 * Math.min(1, share) + "%");
  row.line.dataset.state = row.cells[columns.indexOf("state")][0].split(",")[0];
}
function drawKeys() {
  for (const { name, box, key } of rows.values()) {
    const slot = slots.indexOf(name);
    box.checked = slot !== -1;
    key.setAttribute("class", slot === -1 ? "" : "line run-" + slot % runColours + (slot >= runColours ? " again" : ""));
  }
}
function drawTable() {
  const words = element("search").value.toLowerCase().split(" ").filter(Boolean);
  const by = columns.indexOf(sort.replace("-", ""));
  const sign = sort.startsWith("-") ? -1 : 1;
  const shown = [...rows.values()].sort((a, b) => {
    const [one, other] = [a.cells[by][1], b.cells[by][1]];
    if (one === null || other === null) return compare(one, other) || compare(a.name, b.name);
    return sign * compare(one, other) || compare(a.name, b.name);
  });
  let count = 0;
  for (const { name, line, cells } of shown) {
    const text = (name + " " + cells.map(cell => cell[0]).join(" ")).toLowerCase();
    line.hidden = !words.every(word => text.includes(word));
    if (!line.hidden) count++;
  }
  const lines = shown.map(({ line }) => line);
  if (lines.length !== body.rows.length || lines.some((line, i) => line !== body.rows[i])) {
    const focused = document.activeElement;
    body.replaceChildren(...lines);
    if (body.contains(focused)) focused.focus({ preventScroll: true });
  }
  for (const button of head.querySelectorAll("button")) {
    const isBy = button.dataset.key === sort.replace("-", "");
    if (isBy) button.parentElement.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    else button.parentElement.removeAttribute("aria-sort");
  }
  element("count").textContent = rows.size === 0 ? "no runs yet" : count === rows.size ? rows.size + (rows.size === 1 ? " run" : " runs") : count + " of " + rows.size + " runs";
  const training = [...rows.values()].filter(({ line }) => line.dataset.state === "training").length;
  document.title = (training > 0 ? training + " training · " : "") + "Runs";
}

// The lines of the run that is pointed at stand out.
let lit;
function light(name) {
  lit = name;
  document.body.classList.toggle("lighting", name !== undefined);
  for (const line of document.querySelectorAll("[data-of]")) line.classList.toggle("lit", line.dataset.of === name);
}
const nameOf = target => target.closest?.("tr")?.querySelector("span")?.textContent;
for (const [begin, end] of [["pointerover", "pointerleave"], ["focusin", "focusout"]]) {
  body.addEventListener(begin, ({ target }) => {
    const name = nameOf(target);
    if (name !== lit) light(slots.includes(name) ? name : undefined);
  });
  body.addEventListener(end, () => light(undefined));
}

// At most one request under way, and pauses as long as four of them, so a slow machine is not kept busy by being looked at.
let isAsking = false;
let pause;
let isWanted = false;
let isHurried = false;
let sectionsAt = -Infinity;
function askForView(isUrgent) {
  isWanted = true;
  isHurried ||= isUrgent;
  if (isAsking || document.hidden || (pause !== undefined && !isUrgent)) return;
  clearTimeout(pause);
  pause = undefined;
  fetchView(isUrgent);
}
async function fetchView(isUrgent) {
  isAsking = true;
  isWanted = false;
  isHurried = false;
  const began = performance.now();
  const withSections = isUrgent || began - sectionsAt > 10_000;
  const params = new URLSearchParams(slots.map(name => ["run", name]));
  params.set("axes", axes());
  addDrawing(params);
  // A figure that is hidden will be as wide as those beside it.
  const beside = Math.max(...figures.slice(1).map(figure => figure.clientWidth));
  for (const figure of figures) params.append("width", figure.clientWidth || beside);
  if (withSections) params.set("sections", "1");
  try {
    const response = await fetch("view?" + params);
    if (response.ok) {
      drawView(await response.json());
      if (withSections) sectionsAt = began;
    }
  } catch {
    // The server is gone; when the stream is back, everything is asked for again.
  }
  isAsking = false;
  if (isHurried && isWanted) return fetchView(true);
  pause = setTimeout(() => {
    pause = undefined;
    if (isWanted) askForView(false);
  }, Math.max(1000, 4 * (performance.now() - began)));
}
const drawn = new Map();
function drawView({ charts, sections, troubles }) {
  figures.forEach((figure, i) => {
    if (drawn.get(figure) === charts[i]) return;
    drawn.set(figure, charts[i]);
    figure.querySelector("svg")?.remove();
    figure.hidden = charts[i] === "";
    if (figure.hidden) return;
    figure.insertAdjacentHTML("afterbegin", charts[i]);
    figure.setAttribute("aria-label", figure.querySelector("title").textContent + "; arrow keys read its values");
    figure.dispatchEvent(new Event("redrawn"));
  });
  if (lit !== undefined) light(lit);
  element("troubles").replaceChildren(...troubles.map(trouble => {
    const line = document.createElement("p");
    line.textContent = trouble;
    return line;
  }));
  for (const [id, html] of Object.entries(sections ?? {})) {
    const section = element(id);
    const content = section.querySelector("div");
    if (drawn.get(section) === html || content.contains(document.activeElement)) continue;
    const isOpen = content.querySelector("details")?.open;
    drawn.set(section, html);
    section.hidden = html === null;
    content.innerHTML = html ?? "";
    if (isOpen) content.querySelector("details").open = true;
  }
}

function listen() {
  const source = new EventSource("runs");
  source.onmessage = ({ data }) => {
    const news = JSON.parse(data);
    if (news.page !== document.body.dataset.page) location.reload();
    if (news.isWhole) {
      const names = new Set(news.rows.map(({ name }) => name));
      for (const name of [...rows.keys()]) if (!names.has(name)) rows.delete(name);
    }
    for (const name of news.removed) rows.delete(name);
    const before = rows.size;
    for (const row of news.rows) setRow(row);
    if (!isChosen && (rows.size !== before || news.removed.length > 0)) selectFresh();
    drawKeys();
    drawTable();
    element("status").textContent = news.isComplete ? "live" : "live; there are more runs than are shown";
    // A run that is gone was perhaps drawn; which ones are selected may have changed with it.
    if (news.isWhole || news.removed.length > 0 || news.rows.some(({ name }) => slots.includes(name))) askForView(false);
  };
  source.onerror = () => {
    element("status").textContent = "no connection to the server; trying again";
    if (source.readyState !== EventSource.CLOSED) return;
    element("status").textContent = "the server is there and refuses this page: open the address that it printed; trying again";
    source.close();
    setTimeout(listen, 3000);
  };
}

for (const button of head.querySelectorAll("button")) {
  button.addEventListener("click", () => {
    const { key } = button.dataset;
    sort = sort === key ? "-" + key : sort === "-" + key || button.dataset.first === "text" ? key : "-" + key;
    drawTable();
    remember();
  });
}
element("search").addEventListener("input", () => {
  drawTable();
  remember();
});
element("select-shown").addEventListener("click", () => choose(() => {
  for (const row of body.rows) if (!row.hidden) select(row.querySelector("span").textContent, true);
}));
element("select-none").addEventListener("click", () => choose(() => slots = []));
element("loss-axes").addEventListener("change", () => {
  remember();
  askForView(true);
});
element("smooth").addEventListener("input", changeDrawing);
element("whole").addEventListener("click", () => {
  ranges.clear();
  changeDrawing();
  element("smooth").focus();
});
let widthBefore = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== widthBefore) askForView(false);
  widthBefore = innerWidth;
});
document.addEventListener("visibilitychange", () => isWanted && askForView(true));
addEventListener("keydown", event => {
  if (event.key !== "/" || event.target.closest("input") !== null || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  element("search").focus();
});
sayDrawing();
listen();
`;
