// Where a report goes, and what was written.

export interface ReportOptions {
  /** The page's file. Default report.html. */
  readonly out?: string | undefined;
  /** The folder for every chart as SVG and PNG. Default: none are written. */
  readonly charts?: string | undefined;
  /** The folder for every number as CSV and JSON. Default: none are written. */
  readonly data?: string | undefined;
  /** A .tex or .md for a table of the recipes, with mean and deviation over their seeds; of a sweep its own. Default: none is written. */
  readonly table?: string | undefined;
}

export interface WrittenReport {
  readonly page: string;
  /** Names of the runs on it, of a sweep its trials. */
  readonly runs: readonly string[];
  /** Paths of files. */
  readonly charts: readonly string[];
  readonly data: readonly string[];
  /** What is left out, a sentence each. */
  readonly notes: readonly string[];
  /** Why the first of the runs that could not be read is not on the page; undefined where all are. */
  readonly failure: unknown;
}
