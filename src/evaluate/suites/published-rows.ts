// Rows of GLUE that others published, for comparison: validation sets, no tuning per task, medians or means of several
// finetunings. Percent, in the order of `columns`; an average over the nine, MNLI counting twice.

export interface PublishedRow {
  readonly name: string;
  readonly source: string;
  /** By the name of the score, as in suites.ts; in percent. */
  readonly scores: Readonly<Record<string, number>>;
  /** As printed there. */
  readonly average: number;
}

const columns = ["mnli/matched", "mnli/mismatched", "sst2", "stsb", "rte", "qnli", "qqp", "mrpc", "cola"];

export const publishedRows: readonly PublishedRow[] = [
  row("BERT-base", "arXiv 2212.14034v1, Table 3", [83.2, 83.4, 91.9, 86.7, 59.2, 90.6, 87.7, 89.3, 56.5], 80.9),
  row(
    "BERT-base, no pretraining",
    "arXiv 2212.14034v1, Table 3",
    [34.1, 34.1, 79.9, 17.8, 47.3, 50.0, 68.6, 77.9, 0.0],
    45.5,
  ),
  row(
    "crammed BERT v1, A6000, 24 h",
    "arXiv 2212.14034v1, Table 3",
    [83.9, 84.1, 92.2, 84.6, 53.8, 89.5, 87.3, 87.5, 44.5],
    78.6,
  ),
  row(
    "crammed BERT v2, A6000, 24 h, best of 5",
    "model card of JonasGeiping/crammed-bert",
    [84.1, 84.6, 92.0, 87.4, 58.5, 90.2, 87.5, 88.9, 53.3],
    80.7,
  ),
  row(
    "crammed BERT v2 by He & Hofmann, 2080 Ti, 24 h, mean of 3",
    "arXiv 2311.01906",
    [81.2, 81.6, 89.9, 87.6, 56.3, 88.9, 87.1, 88.3, 49.4],
    78.9,
  ),
];

function row(name: string, source: string, scores: readonly number[], average: number): PublishedRow {
  return { name, source, average, scores: Object.fromEntries(columns.map((column, i) => [column, scores[i]!])) };
}
