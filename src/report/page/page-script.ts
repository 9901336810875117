// The page's only script: reads values out under a chart, at the pointer or, with the keyboard, at a cursor that the arrow keys move. Of
// many lines it reads those next to the pointer. It turns the drawn points back into values by the axes written on the SVG, whichever the
// figure holds at that moment, so a dashboard may put another there. The page is whole without it.

export const pageScript = `"use strict";
const mostRead = 12;
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
  let level = 0;
  let isShown = false;
  const show = (to, toLevel) => {
    const svg = [...frame.querySelectorAll("svg[data-plot]")].find(one => one.getClientRects().length > 0);
    if (svg === undefined) return;
    if (plot?.svg !== svg) plot = readPlot(svg);
    const { left, top, width, height, lines, cursor, xAxis, yAxis } = plot;
    share = Math.min(1, Math.max(0, to));
    level = Math.min(1, Math.max(0, toLevel));
    isShown = true;
    const at = left + share * width;
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    svg.append(cursor);
    // A line that ended before, or begins behind, by more than there is between its points has no value there.
    const reaches = ({ points }) => {
      if (points.length === 0) return false;
      const [first, last] = [points[0][0], points.at(-1)[0]];
      const near = points.reduce((widest, [x], i) => Math.max(widest, i === 0 ? 8 : 1.5 * (x - points[i - 1][0])), 8);
      return first <= at + near && last >= at - near;
    };
    const found = lines.filter(reaches).map(({ name, points }) => {
      const nearest = points.reduce((best, point) => Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best);
      return { name, share: (top + height - nearest[1]) / height };
    });
    // Of many lines those that are nearest to the pointer, the highest first.
    const near = found.length <= mostRead ? found : [...found].sort((a, b) => Math.abs(a.share - level) - Math.abs(b.share - level)).slice(0, mostRead).sort((a, b) => b.share - a.share);
    const values = near.map(({ name, share }) => name + " " + digits(valueAt(yAxis, share)));
    if (near.length < found.length) values.push(found.length - near.length + " others");
    readout.textContent = xAxis.name + " " + digits(valueAt(xAxis, share)) + ": " + values.join("; ");
  };
  frame.addEventListener("pointermove", event => {
    const svg = event.target.closest?.("svg[data-plot]");
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const [left, top, width, height] = svg.dataset.plot.split(" ").map(Number);
    const scale = svg.viewBox.baseVal.width / box.width;
    show(((event.clientX - box.left) * scale - left) / width, 1 - ((event.clientY - box.top) * scale - top) / height);
  });
  frame.addEventListener("pointerleave", () => {
    plot?.cursor.remove();
    isShown = false;
  });
  frame.addEventListener("keydown", event => {
    if (event.shiftKey) return;
    const to = { ArrowLeft: [share - 0.01, level], ArrowRight: [share + 0.01, level], Home: [0, level], End: [1, level] }[event.key]
      ?? (isShown ? { ArrowUp: [share, level + 0.05], ArrowDown: [share, level - 0.05] }[event.key] : undefined);
    if (to === undefined) return;
    event.preventDefault();
    show(...to);
  });
  frame.addEventListener("redrawn", () => isShown && show(share, level));
}
`;
