// The files of a documents folder while they are written, a new one when the last is full. A file has its name only once it
// is whole, and a name is taken once, so that two writers never share one; what a failed writer wrote is removed, so that a full
// disk is not left full. Nobody waits for the disk here: who hands the files on does (`syncFiles`).

import { createHash } from "node:crypto";
import { closeSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { writeFully } from "../base/files/files.ts";
import { explainWriteFailure } from "../base/files/write-failure.ts";
import { DocumentLines } from "./document-lines.ts";

/** A file of documents, as the manifest describes it. */
export interface DocumentsFile {
  readonly name: string;
  readonly bytes: number;
  readonly documents: number;
  readonly sha256: string;
}

const bytesPerWrite = 1 << 20;

export class DocumentsWriter {
  /** The files that are whole. */
  readonly files: DocumentsFile[] = [];
  private readonly folder: string;
  private readonly bytesPerFile: number;
  private file: number | undefined;
  private hash = createHash("sha256");
  private readonly lines = new DocumentLines();
  private bytes = 0;
  private documents = 0;

  constructor(folder: string, bytesPerFile: number) {
    this.folder = folder;
    this.bytesPerFile = bytesPerFile;
  }

  /** Adds a document by its UTF-8; returns its UTF-16 units. */
  add(text: Uint8Array): number {
    const units = this.lines.add(text);
    this.endDocument();
    return units;
  }

  /** The same of a document that is a line already. */
  addLine(line: Uint8Array): void {
    this.lines.addLine(line);
    this.endDocument();
  }

  private endDocument(): void {
    this.documents += 1;
    if (this.bytes + this.lines.bytes >= this.bytesPerFile) this.finishFile();
    else if (this.lines.bytes >= bytesPerWrite) this.flush();
  }

  /** Completes the last file. */
  finish(): void {
    this.finishFile();
  }

  /** Removes what was written. Never throws: why it is abandoned matters more. */
  abandon(): void {
    try {
      if (this.file !== undefined) {
        closeSync(this.file);
        this.file = undefined;
        rmSync(`${this.path}.writing`, { force: true });
      }
      for (const { name } of this.files) rmSync(join(this.folder, name), { force: true });
    } catch {
      // Without a manifest what is left is not read, and the next writer removes it.
    }
  }

  private get name(): string {
    return `documents-${String(this.files.length).padStart(5, "0")}.jsonl`;
  }

  private get path(): string {
    return join(this.folder, this.name);
  }

  private flush(): void {
    const bytes = this.lines.take();
    this.hash.update(bytes);
    this.bytes += bytes.length;
    this.writing(() => {
      this.file ??= openSync(`${this.path}.writing`, "wx");
      writeFully(this.file, bytes);
    });
  }

  private finishFile(): void {
    if (this.documents === 0) return;
    this.flush();
    this.writing(() => {
      const file = this.file!;
      this.file = undefined;
      closeSync(file);
      renameSync(`${this.path}.writing`, this.path);
    });
    const { name, bytes, documents } = this;
    this.files.push({ name, bytes, documents, sha256: this.hash.digest("hex") });
    this.hash = createHash("sha256");
    this.bytes = 0;
    this.documents = 0;
  }

  private writing(write: () => void): void {
    try {
      write();
    } catch (cause) {
      const error = explainWriteFailure(cause, this.path);
      if (!(error instanceof UserError) || error.code !== "E_DISK_FULL") throw error;
      const seen = `${this.path}: the disk is full; the documents written so far were removed`;
      throw new UserError("E_DISK_FULL", seen, error.advice, { cause });
    }
  }
}
