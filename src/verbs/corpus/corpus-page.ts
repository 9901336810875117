// A view of a corpus as a page: its figures as charts, tables and texts.

import { systemClock } from "../../base/clock.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { checkPageOutput } from "../../base/files/folder-kind.ts";
import type { Histogram } from "../../corpus/histogram.ts";
import type { HistogramChart } from "../../report/charts/histogram-chart.ts";
import { renderCorpusPage } from "../../report/page/corpus-page.ts";
import { formatNumber } from "../../report/quantity.ts";
import { type Field, tabulate } from "../../report/tables/table.ts";
import { type CorpusView, describeLengths, type FunnelStage } from "./show-corpus.ts";

/** Of a document on the page. */
const longestText = 2000;

/** Writes the page. UserErrors: E_OUTPUT_OTHER, E_NOT_WRITABLE, E_DISK_FULL. */
export function writeCorpusPage(view: CorpusView, path: string): void {
  checkPageOutput(path);
  const { folder, funnel, characters, dropped, dataset } = view;
  const kept = funnel.find(({ stage }) => stage === "kept")!;
  const taken = funnel.filter(({ taken }) => taken.characters > 0);
  const page = renderCorpusPage({
    title: `Corpus: ${folder}`,
    date: systemClock.date().toISOString().slice(0, 16).replace("T", " "),
    funnel: {
      chart:
        taken.length === 0
          ? undefined
          : {
              id: "funnel-chart",
              title: "What was kept of the text",
              description: "The share of the characters that was kept, and that was taken away by reason.",
              quantity: "characters",
              parts: ["kept", ...taken.map(({ stage }) => stage)],
              bars: [
                {
                  name: folder,
                  values: [kept.left.characters, ...taken.map(({ taken }) => taken.characters)],
                },
              ],
            },
      table: tabulate({ id: "funnel", caption: "What each stage left" }, funnel, [
        ...leftFields,
        ...(taken.length === 0 ? [] : takenFields),
      ]),
    },
    sizes: [
      describeSizes("document-characters", "Documents by their characters", "characters of a document", characters),
      ...(dataset === undefined
        ? []
        : [
            describeSizes(
              "document-tokens",
              "Documents by their tokens",
              describeLengths(dataset, characters),
              dataset.tokens,
            ),
            describeSizes("token-uses", "Entries of the vocabulary by use", "times in the training part", dataset.uses),
          ]),
    ],
    tables:
      dataset === undefined
        ? []
        : [tabulate({ id: "frequent", caption: "The most frequent tokens" }, dataset.frequent, tokenFields)],
    texts: [
      {
        id: "kept",
        heading: "Documents that were kept",
        texts: view.kept.map(text => ({ origin: "", text: cutText(text) })),
      },
      {
        id: "dropped",
        heading: "What was taken away",
        texts: dropped.map(({ reason, source, text }) => ({ origin: `${reason}, of ${source}`, text })),
      },
      {
        id: "sequences",
        heading: "Sequences",
        texts: (dataset?.sequences ?? []).map(text => ({ origin: "", text })),
      },
    ],
  });
  writeFileAtomically(path, page);
}

const leftFields: readonly Field<FunnelStage>[] = [
  { key: "stage", name: "stage", quantity: "text", of: ({ stage }) => stage },
  { key: "documents", name: "documents left", quantity: "documents", of: ({ left }) => left.documents },
  { key: "characters", name: "characters left", quantity: "characters", of: ({ left }) => left.characters },
  { key: "tokens", name: "tokens left, about", quantity: "tokens", of: ({ tokens }) => tokens },
];
const takenFields: readonly Field<FunnelStage>[] = [
  { key: "takenDocuments", name: "documents taken", quantity: "documents", of: ({ taken }) => taken.documents },
  { key: "takenCharacters", name: "characters taken", quantity: "characters", of: ({ taken }) => taken.characters },
];

const tokenFields: readonly Field<{ readonly token: string; readonly count: number }>[] = [
  { key: "token", name: "token", quantity: "text", of: ({ token }) => token },
  { key: "count", name: "times", quantity: "count", of: ({ count }) => count },
];

function describeSizes(id: string, title: string, axis: string, sizes: Histogram): HistogramChart {
  const { count, sum, least, most, bins } = sizes;
  const mean = formatNumber(count === 0 ? 0 : sum / count);
  return {
    id,
    title,
    axis: `${axis}, from`,
    description: `${count} in all, from ${least} to ${most}, ${mean} on average.`,
    columns: bins.map(({ from, count }) => ({ name: shortenCount(from), count })),
  };
}

/** "64 Ki" for 65536: all are powers of two. */
export function shortenCount(value: number): string {
  const power = value < 1024 ? 0 : Math.floor(Math.log2(value) / 10);
  return power === 0 ? String(value) : `${value / 1024 ** power} ${["", "Ki", "Mi", "Gi", "Ti"][power]}`;
}

const cutText = (text: string) => (text.length > longestText ? `${text.slice(0, longestText)}…` : text);
