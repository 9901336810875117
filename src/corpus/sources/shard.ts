// A shard of a source: what is read by itself, mostly a file. It is plain data, so that a thread or another machine can read it
// too; the scheme that it names opens it.

import type { RemoteFile } from "../../hub/remote-files.ts";
import type { RowChoice } from "./formats/row-text.ts";

export type SchemeName = "file" | "hub" | "stdin";

/**
 * table: rows with a column of text (.json, .csv, .tsv, .parquet, .arrow). html: what a page shows. declarations: a .d.ts file, of which
 * only the documentation comments are text. unknown: its content decides.
 */
export type ShardFormat = "text" | "jsonl" | "table" | "html" | "declarations" | "unknown";

export interface Shard {
  readonly scheme: SchemeName;
  /** What messages and manifests call it: the path as it was reached, or an address. */
  readonly path: string;
  /** Shards of one place are the same, whatever paths lead there: a file's real path, or an address with its revision. */
  readonly place: string;
  readonly format: ShardFormat;
  /** As it lies there, packed. */
  readonly bytes: number;
  /** Whether it was named itself, rather than met in a folder. */
  readonly named: boolean;
  /** The part of the file that it is; absent: all of it. */
  readonly range?: ByteRange | undefined;
  /** Names its content, where that is known without reading it; else `identifyShards` reads it. */
  readonly identity?: string | undefined;
  /** What its source says of how it is read. */
  readonly choice?: ShardChoice | undefined;
  /** Of a file of the hub: what is fetched. */
  readonly remote?: RemoteShard | undefined;
}

/** The documents that begin in these bytes; behind the last range `to` is infinite. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export interface ShardChoice {
  /** In the place of the option. */
  readonly textField?: string | undefined;
  readonly where?: RowChoice["where"];
  /** So many successive documents of a shard are one, with nothing between them. */
  readonly join?: number | undefined;
  /** The part of the mixture that it belongs to; shards of one part have the same. */
  readonly part?: MixtureShare;
}

export interface MixtureShare {
  readonly index: number;
  readonly source: string;
  readonly weight: number;
  readonly passes: number;
}

export interface RemoteShard {
  readonly endpoint: string;
  readonly repository: string;
  /** A commit. */
  readonly revision: string;
  readonly file: RemoteFile;
}

/**
 * How far a shard was read: lines of a .jsonl, rows of a table, else documents. A batch of documents says where the next begins,
 * and reading from there goes on as if it had not stopped.
 */
export type Position = number;
export const beginning: Position = 0;

export interface ListOptions {
  /** Told of what a folder holds that is not read: why, and where. */
  readonly passOver?: (reason: string, path: string) => void;
  /** Told what else a person should know of what is read. */
  readonly note?: (what: string) => void;
  /** Whether what cannot be read in a folder (a link that leads nowhere) is passed over; else it is an error. */
  readonly tolerant?: boolean;
}
