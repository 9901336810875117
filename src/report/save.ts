// A report's charts and numbers as files of their own.

import { join } from "node:path";
import { writeFileAtomically } from "../base/files/files.ts";
import { chartStyle, lightChartStyle } from "./charts/chart-style.ts";
import { openPngRenderer } from "./charts/png.ts";
import { type Markup, markup, trustMarkup } from "./page/markup.ts";
import { type Report, renderCharts } from "./report.ts";
import { stepColumns, validationColumns } from "./runs/curves.ts";
import { type Cell, renderCsv, renderJson, type Table } from "./tables/table.ts";

/** Writes every chart as ID.svg and ID.png; returns the paths. Without a printer of PNGs the SVGs are written, then E_PNG. */
export const saveCharts = (report: Report, folder: string): Promise<string[]> =>
  saveChartFiles(style => renderCharts(report, style), folder);

/** The same of charts that `render` prints with a style. */
export async function saveChartFiles(
  render: (style: Markup) => Iterable<{ readonly id: string; readonly svg: Markup }>,
  folder: string,
): Promise<string[]> {
  const paths: string[] = [];
  const save = (name: string, content: string | Uint8Array) => {
    const path = join(folder, name);
    writeFileAtomically(path, content);
    paths.push(path);
  };
  for (const { id, svg } of render(markup`<style>${trustMarkup(chartStyle)}</style>`)) save(`${id}.svg`, svg.text);
  const renderPng = await openPngRenderer();
  for (const { id, svg } of render(markup`<style>${trustMarkup(lightChartStyle)}</style>`)) {
    save(`${id}.png`, renderPng(svg.text));
  }
  return paths;
}

/** Writes tables as CSV and JSON; returns the paths. */
export function saveTables(tables: readonly Content[], folder: string): string[] {
  return tables.flatMap(table =>
    (
      [
        ["csv", renderCsv],
        ["json", renderJson],
      ] as const
    ).map(([ending, render]) => {
      const path = join(folder, `${table.id}.${ending}`);
      writeFileAtomically(path, encodeInBlocks(render(table)));
      return path;
    }),
  );
}

/** Writes every table, and every run's steps and validations in full, as CSV and JSON; returns the paths. */
export function saveData(report: Report, folder: string): string[] {
  const { tenths, ...others } = report.tables;
  const tables = [...Object.values(others), joinTenths(report, tenths)];
  const curves = report.runs.map(({ name, curves }) => ({ name, ...curves }));
  const steps = curves.map(({ name, steps }) => ({ name, columns: steps }));
  const validations = curves.map(({ name, validations }) => ({ name, columns: validations }));
  return saveTables(
    [...tables, stackColumns("steps", stepColumns, steps), stackColumns("validations", validationColumns, validations)],
    folder,
  );
}

interface Content {
  /** The name of its files. */
  readonly id: string;
  readonly columns: Table["columns"];
  /** Gone through once for each kind of file. */
  readonly rows: Iterable<readonly Cell[]>;
}

const runColumn = { key: "run", name: "run", quantity: "text" } as const;

function stackColumns<Name extends string>(
  id: string,
  names: readonly Name[],
  runs: readonly { readonly name: string; readonly columns: Readonly<Record<Name, Float64Array>> }[],
): Content {
  return {
    id,
    columns: [runColumn, ...names.map(key => ({ key, name: key, quantity: "number" }) as const)],
    rows: {
      *[Symbol.iterator]() {
        for (const { name, columns } of runs) {
          const length = columns[names[0]!].length;
          for (let i = 0; i < length; i++) yield [name, ...names.map(column => columns[column][i])];
        }
      },
    },
  };
}

function joinTenths({ runs }: Report, tenths: readonly Table[]): Table {
  const rows = tenths.flatMap((table, i) => table.rows.map(cells => [runs[i]!.name, ...cells]));
  return { id: "tenths", caption: "Each tenth of a run's time", columns: [runColumn, ...tenths[0]!.columns], rows };
}

/** Lines gathered to about a megabyte, so that a long run is never one string. */
function* encodeInBlocks(lines: Iterable<string>): Generator<Uint8Array> {
  let block: string[] = [];
  let length = 0;
  for (const line of lines) {
    block.push(line);
    length += line.length;
    if (length < 1 << 20) continue;
    yield Buffer.from(block.join(""));
    block = [];
    length = 0;
  }
  yield Buffer.from(block.join(""));
}
