// A loss curve in a terminal: braille dots, two columns and four rows to a character, so 60×12 characters show 120×48 points.
// A horizontal line marks the value to beat.

export interface Point {
  readonly x: number;
  readonly y: number;
}

const dotBits = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
];

/** Lines of text, y axis labels included. `mark` draws a dashed line at its value with its name. */
export function plotCurve(
  points: readonly Point[],
  options: { columns: number; rows: number; xLabel: string; mark?: { value: number; name: string } },
): string[] {
  const finite = points.filter(point => Number.isFinite(point.x) && Number.isFinite(point.y));
  if (finite.length === 0) return ["(no points)"];
  const { columns, rows, mark } = options;
  const ys = finite.map(point => point.y).concat(mark === undefined ? [] : [mark.value]);
  const low = Math.min(...ys);
  const high = Math.max(...ys) === low ? low + 1 : Math.max(...ys);
  const firstX = finite[0]!.x;
  const lastX = finite.at(-1)!.x === firstX ? firstX + 1 : finite.at(-1)!.x;
  const cells = Array.from({ length: rows }, () => new Uint8Array(columns));
  const dotRow = (y: number) => Math.round(((high - y) / (high - low)) * (rows * 4 - 1));
  const setDot = (column: number, row: number) => {
    cells[row >> 2]![column >> 1]! |= dotBits[column & 1]![row & 3]!;
  };
  if (mark !== undefined) {
    for (let column = 0; column < columns * 2; column += 4) setDot(column, dotRow(mark.value));
  }
  let previous: { column: number; row: number } | undefined;
  for (const { x, y } of finite) {
    const column = Math.round(((x - firstX) / (lastX - firstX)) * (columns * 2 - 1));
    const row = dotRow(y);
    const from = previous !== undefined && column - previous.column <= columns / 4 ? previous : { column, row };
    const count = Math.max(Math.abs(column - from.column), Math.abs(row - from.row), 1);
    for (let i = 0; i <= count; i++) {
      setDot(
        Math.round(from.column + ((column - from.column) * i) / count),
        Math.round(from.row + ((row - from.row) * i) / count),
      );
    }
    previous = { column, row };
  }
  const markRow = mark === undefined ? -1 : dotRow(mark.value) >> 2;
  const lines = cells.map((cell, row) => {
    const label = row === 0 ? high.toFixed(2) : row === rows - 1 ? low.toFixed(2) : "";
    const text = String.fromCodePoint(...[...cell].map(bits => 0x2800 + bits));
    return `${label.padStart(7)} ┤${text}${row === markRow ? ` ${mark!.name}` : ""}`;
  });
  return [...lines, `${" ".repeat(8)}└${"─".repeat(columns)} ${options.xLabel}`];
}
