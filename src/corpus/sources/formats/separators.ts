// What stands between the documents of a text file, where it has a name. Where these end, a place between two documents can be found from
// any byte of the file on.

export const separators = { "blank-line": /\r?\n[ \t]*\r?\n/, line: /\r\n|\n|\r/ } as const;
export type DocumentEnd = keyof typeof separators;

/** The name of a separator; undefined for another text. */
export const nameSeparator = ({ source }: RegExp): DocumentEnd | undefined =>
  (Object.keys(separators) as DocumentEnd[]).find(name => separators[name].source === source);
