// Enlarging a part of the dashboard's x axes: by dragging over a chart, or by keys. A range is an axis's, not a chart's, so all that
// is drawn along time shows the same of it. The function is tested, and the page's script holds it as it was compiled.

interface DrawnAxis {
  readonly kind: "linear" | "log";
  readonly low: number;
  readonly high: number;
}

/**
 * The values from one place to another of what is shown, which is 0 to 1; undefined where that is all there is. What would reach beyond
 * all there is, is moved back into it.
 */
export function chooseRange(
  shown: DrawnAxis,
  whole: DrawnAxis,
  from: number,
  to: number,
): [number, number] | undefined {
  const isLog = shown.kind === "log";
  const placeOf = (value: number) =>
    isLog
      ? Math.log(value / shown.low) / Math.log(shown.high / shown.low)
      : (value - shown.low) / (shown.high - shown.low);
  const valueAt = (place: number) =>
    isLog ? shown.low * (shown.high / shown.low) ** place : shown.low + place * (shown.high - shown.low);
  const [first, last] = [placeOf(whole.low), placeOf(whole.high)];
  const all = last - first;
  const wide = Math.abs(to - from);
  if (wide > 0.999 * all) return undefined;
  // Narrower, and there would be no digits to tell the ticks apart.
  const shownWide = Math.max(1e-6 * all, wide);
  const low = Math.min(last - shownWide, Math.max(first, Math.min(from, to)));
  return [valueAt(low), valueAt(low + shownWide)];
}

/** Stands behind the dashboard's own script, which has `ranges` by the name of the axis, and `changeRange`. */
export const zoomScript = `${chooseRange}
const leastDragPixels = 8;
const readChart = svg => {
  const [left, top, width, height] = svg.dataset.plot.split(" ").map(Number);
  const shown = JSON.parse(svg.dataset.x);
  return { left, top, width, height, shown, whole: JSON.parse(svg.dataset.whole), along: svg.dataset.along, unit: Number(svg.dataset.unit) };
};
const showPart = ({ shown, whole, along, unit }, from, to) =>
  changeRange(along, chooseRange(shown, whole, from, to)?.map(value => Number((value * unit).toPrecision(8))));
for (const figure of figures) {
  let drag;
  // Where the chart is drawn anew meanwhile, the pointer is measured by where it was.
  const placeAt = (event, { left, width }, { scale, box }) =>
    Math.min(1, Math.max(0, ((event.clientX - box.left) / scale - left) / width));
  let marked;
  const end = () => {
    marked?.remove();
    drag = undefined;
  };
  figure.addEventListener("pointerdown", event => {
    const svg = event.target.closest("svg[data-plot]");
    if (svg === null || !event.isPrimary || event.button !== 0) return;
    const chart = readChart(svg);
    const box = svg.getBoundingClientRect();
    const screen = { box, scale: box.width / svg.viewBox.baseVal.width };
    drag = { chart, screen, from: placeAt(event, chart, screen), to: undefined };
  });
  figure.addEventListener("pointermove", event => {
    if (drag === undefined) return;
    const { chart, from, screen } = drag;
    const to = placeAt(event, chart, screen);
    if (drag.to === undefined && Math.abs(to - from) * chart.width * screen.scale < leastDragPixels) return;
    const svg = figure.querySelector("svg");
    if (drag.to === undefined) {
      figure.setPointerCapture(event.pointerId);
      marked = document.createElementNS(svg.namespaceURI, "rect");
      marked.setAttribute("class", "marked");
    }
    drag.to = to;
    marked.setAttribute("x", chart.left + Math.min(from, to) * chart.width);
    marked.setAttribute("y", chart.top);
    marked.setAttribute("width", Math.abs(to - from) * chart.width);
    marked.setAttribute("height", chart.height);
    svg.append(marked);
  });
  figure.addEventListener("pointerup", () => {
    if (drag?.to !== undefined) showPart(drag.chart, drag.from, drag.to);
    end();
  });
  figure.addEventListener("pointercancel", end);
  figure.addEventListener("dblclick", event => {
    const svg = event.target.closest("svg[data-plot]");
    if (svg !== null) changeRange(svg.dataset.along, undefined);
  });
  figure.addEventListener("keydown", event => {
    const svg = figure.querySelector("svg[data-plot]");
    if (svg === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const chart = readChart(svg);
    const cursor = svg.querySelector(".cursor");
    const around = cursor === null ? 1 : (Number(cursor.getAttribute("x1")) - chart.left) / chart.width;
    const enlarge = factor => [around * (1 - factor), around * (1 - factor) + factor];
    const part = { "+": enlarge(0.5), "=": enlarge(0.5), "-": enlarge(2), "0": [0, Infinity] }[event.key]
      ?? (event.shiftKey ? { ArrowLeft: [-0.25, 0.75], ArrowRight: [0.25, 1.25] }[event.key] : undefined);
    if (part === undefined) return;
    event.preventDefault();
    showPart(chart, ...part);
  });
}
`;
