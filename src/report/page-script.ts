// The page's only script: reads values out under a chart, at the pointer or, with the keyboard, at a cursor that the arrow
// keys move. It turns the drawn points back into values by the axes written on the SVG, whichever the figure holds at that
// moment, so a dashboard may put another there. The page is whole without it.

export const pageScript = `"use strict";
const digits = value => Number(value.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 });
const valueAt = ({ kind, low, high }, share) => kind === "log" ? low * (high / low) ** share : low + share * (high - low);
const readPlot = svg => {
  const [left, top, width, height] = svg.dataset.plot.split(" ").map(Number);
  const lines = [...svg.querySelectorAll("polyline[data-name]")].map(line => ({
    name: line.dataset.name,
    points: line.getAttribute("points").split(" ").filter(Boolean).map(point => point.split(",").map(Number)),
  }));
  const cursor = document.createElementNS(svg.namespaceURI, "line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", top);
  cursor.setAttribute("y2", top + height);
  return { svg, left, top, width, height, lines, cursor, xAxis: JSON.parse(svg.dataset.x), yAxis: JSON.parse(svg.dataset.y) };
};
for (const frame of document.querySelectorAll("figure[tabindex]")) {
  const readout = frame.querySelector("output");
  let plot;
  let share = 1;
  let isShown = false;
  const show = to => {
    const svg = frame.querySelector("svg[data-plot]");
    if (svg === null) return;
    if (plot?.svg !== svg) plot = readPlot(svg);
    const { left, top, width, height, lines, cursor, xAxis, yAxis } = plot;
    share = Math.min(1, Math.max(0, to));
    isShown = true;
    const at = left + share * width;
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    svg.append(cursor);
    const values = lines.flatMap(({ name, points }) => {
      if (points.length === 0) return [];
      const nearest = points.reduce((best, point) => Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best);
      return [name + " " + digits(valueAt(yAxis, (top + height - nearest[1]) / height))];
    });
    readout.textContent = xAxis.name + " " + digits(valueAt(xAxis, share)) + ": " + values.join("; ");
  };
  frame.addEventListener("pointermove", event => {
    const svg = event.target.closest?.("svg[data-plot]");
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const [left, , width] = svg.dataset.plot.split(" ").map(Number);
    show(((event.clientX - box.left) / box.width * svg.viewBox.baseVal.width - left) / width);
  });
  frame.addEventListener("pointerleave", () => {
    plot?.cursor.remove();
    isShown = false;
  });
  frame.addEventListener("keydown", event => {
    const to = { ArrowLeft: share - 0.01, ArrowRight: share + 0.01, Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
  frame.addEventListener("redrawn", () => isShown && show(share));
}
`;
