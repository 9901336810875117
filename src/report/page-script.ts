// The page's only script: reads values out under a chart, at the pointer or, with the keyboard, at a cursor that the arrow
// keys move. It turns the drawn points back into values by the axes written on the SVG. The page is whole without it.

export const pageScript = `"use strict";
const digits = value => Number(value.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 });
const valueAt = ({ kind, low, high }, share) => kind === "log" ? low * (high / low) ** share : low + share * (high - low);
for (const svg of document.querySelectorAll("svg[data-plot]")) {
  const frame = svg.parentElement;
  const readout = frame.querySelector("output");
  const [left, top, width, height] = svg.dataset.plot.split(" ").map(Number);
  const xAxis = JSON.parse(svg.dataset.x);
  const yAxis = JSON.parse(svg.dataset.y);
  let lines;
  const readLines = () => [...svg.querySelectorAll("polyline[data-name]")].map(line => ({
    name: line.dataset.name,
    points: line.getAttribute("points").split(" ").filter(Boolean).map(point => point.split(",").map(Number)),
  }));
  const cursor = document.createElementNS(svg.namespaceURI, "line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", top);
  cursor.setAttribute("y2", top + height);
  let at = left + width;
  const show = x => {
    lines ??= readLines();
    at = Math.min(left + width, Math.max(left, x));
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    svg.append(cursor);
    const values = lines.flatMap(({ name, points }) => {
      if (points.length === 0) return [];
      const nearest = points.reduce((best, point) => Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best);
      return [name + " " + digits(valueAt(yAxis, (top + height - nearest[1]) / height))];
    });
    readout.textContent = xAxis.name + " " + digits(valueAt(xAxis, (at - left) / width)) + ": " + values.join("; ");
  };
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    show((event.clientX - box.left) / box.width * svg.viewBox.baseVal.width);
  });
  svg.addEventListener("pointerleave", () => cursor.remove());
  frame.addEventListener("keydown", event => {
    const to = { ArrowLeft: at - width / 100, ArrowRight: at + width / 100, Home: left, End: left + width }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
}
`;
