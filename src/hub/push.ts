// A folder to a repository of the hub, as one commit. What the hub wants in its storage of large files is sent there first, by
// Git LFS; the rest goes into the commit itself. What the storage has already is not sent again.

import { createHash } from "node:crypto";
import { createReadStream, openAsBlob, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { recoverFolder } from "../base/files/folder-draft.ts";
import { askHub, type Hub, readAnswer } from "./hub.ts";

export interface PushedFile {
  readonly path: string;
  readonly bytes: number;
}

/** Of all files: how many bytes are done. */
export interface BytesDone {
  readonly doing: "hashing" | "sending" | "fetching";
  readonly path: string;
  readonly done: number;
  readonly total: number;
}
export type OnBytes = (bytes: BytesDone) => void;

export interface PushOptions {
  readonly folder: string;
  /** "user/name" */
  readonly repository: string;
  /** Of a repository that does not exist yet. */
  readonly isPrivate: boolean;
  /** Called while files for the storage are hashed, and while they are sent. */
  readonly onBytes?: OnBytes;
}

interface LocalFile extends PushedFile {
  readonly content: Blob;
}

/** Files of a request. */
const filesAtOnce = 100;
const lfsType = "application/vnd.git-lfs+json";

/** Makes the repository where there is none, and returns the commit's address. Errors: E_HUB, E_HUB_TOKEN, E_FILE_MISSING. */
export async function pushFolder(
  hub: Hub,
  { folder, repository, isPrivate, onBytes = () => {} }: PushOptions,
): Promise<string> {
  recoverFolder(folder);
  const files = await listFiles(folder);
  if (!files.some(({ path }) => /\.(safetensors|onnx)$/.test(path))) {
    throw new UserError(
      "E_FILE_MISSING",
      `${folder}: no model here, neither .safetensors nor .onnx: an export that was stopped`,
      "Export it again.",
    );
  }
  if (files.length === 0)
    throw new UserError("E_FILE_MISSING", `${folder}: no file to push`, "Write it with cram export.");
  await createRepository(hub, repository, isPrivate);
  const large = new Map<string, string>();
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const countHashed = (path: string, bytes: number) => {
    done += bytes;
    onBytes({ doing: "hashing", path, done, total });
  };
  for (let i = 0; i < files.length; i += filesAtOnce) {
    const batch = files.slice(i, i + filesAtOnce);
    const chosen = await chooseLarge(hub, repository, batch);
    const hashed: HashedFile[] = [];
    for (const file of batch.filter(({ path }) => chosen.has(path))) {
      hashed.push({
        ...file,
        hash: await hashFile(join(folder, file.path), bytes => countHashed(file.path, bytes)),
      });
    }
    await uploadLarge(hub, repository, hashed, onBytes);
    for (const { path, hash } of hashed) large.set(path, hash);
  }
  const lines: object[] = [{ key: "header", value: { summary: "Upload a model with cram push", description: "" } }];
  for (const { path, bytes, content } of files) {
    const oid = large.get(path);
    if (oid !== undefined) lines.push({ key: "lfsFile", value: { path, algo: "sha256", size: bytes, oid } });
    else lines.push({ key: "file", value: { path, content: await encodeContent(content), encoding: "base64" } });
  }
  const response = await askHub(hub, `/api/models/${repository}/commit/main`, {
    method: "POST",
    type: "application/x-ndjson",
    body: lines.map(line => JSON.stringify(line)).join("\n"),
  });
  return readAnswer(response, value => z.object({ commitUrl: z.string() }).parse(value).commitUrl);
}

/** Regular files at every depth, in the order of their paths; hidden ones and unfinished writes stay here. */
async function listFiles(folder: string): Promise<LocalFile[]> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.endsWith(".writing"))
    .map(entry => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .filter(path => !path.split(sep).some(part => part.startsWith(".")))
    .sort();
  const files: LocalFile[] = [];
  for (const path of found) {
    const content = await openAsBlob(join(folder, path));
    files.push({ path: path.split(sep).join("/"), bytes: content.size, content });
  }
  return files;
}

async function createRepository(hub: Hub, repository: string, isPrivate: boolean): Promise<void> {
  const [organization, name] = repository.split("/");
  const body = { name, organization, type: "model", visibility: isPrivate ? "private" : "public" };
  const alreadyThere = 409;
  await askHub(hub, "/api/repos/create", {
    method: "POST",
    type: "application/json",
    body: JSON.stringify(body),
    accept: [alreadyThere],
  });
}

const preuploadSchema = z.object({ files: z.array(z.object({ path: z.string(), uploadMode: z.string() })) });

async function chooseLarge(hub: Hub, repository: string, files: readonly LocalFile[]): Promise<Set<string>> {
  const described: object[] = [];
  for (const { path, bytes: size, content } of files) {
    described.push({ path, size, sample: await encodeContent(content.slice(0, 512)) });
  }
  const response = await askHub(hub, `/api/models/${repository}/preupload/main`, {
    method: "POST",
    type: "application/json",
    body: JSON.stringify({ files: described }),
  });
  const answer = await readAnswer(response, value => preuploadSchema.parse(value));
  return new Set(answer.files.filter(({ uploadMode }) => uploadMode === "lfs").map(({ path }) => path));
}

interface HashedFile extends LocalFile {
  readonly hash: string;
}

const batchSchema = z.object({
  objects: z.array(
    z.object({
      oid: z.string(),
      error: z.object({ message: z.string() }).optional(),
      actions: z
        .object({
          upload: z.object({ href: z.string(), header: z.record(z.string(), z.string()).default({}) }).optional(),
        })
        .optional(),
    }),
  ),
});

async function uploadLarge(
  hub: Hub,
  repository: string,
  files: readonly HashedFile[],
  onBytes: OnBytes,
): Promise<void> {
  if (files.length === 0) return;
  const body = {
    operation: "upload",
    transfers: ["basic", "multipart"],
    hash_algo: "sha_256",
    ref: { name: "main" },
    objects: files.map(({ hash: oid, bytes: size }) => ({ oid, size })),
  };
  const response = await askHub(hub, `/${repository}.git/info/lfs/objects/batch`, {
    method: "POST",
    type: lfsType,
    body: JSON.stringify(body),
  });
  const { objects } = await readAnswer(response, value => batchSchema.parse(value));
  const isSent = ({ hash }: HashedFile) => objects.some(({ oid, actions }) => oid === hash && actions?.upload);
  const total = files.filter(isSent).reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const count = (path: string, bytes: number) => {
    done += bytes;
    onBytes({ doing: "sending", path, done, total });
  };
  for (const file of files) {
    const object = objects.find(({ oid }) => oid === file.hash);
    if (object === undefined || object.error !== undefined) {
      const seen = `${file.path}: the hub takes no such file: ${object?.error?.message ?? "no answer for it"}`;
      throw new UserError("E_HUB", seen, "Try again later.");
    }
    const upload = object.actions?.upload;
    if (upload === undefined) continue;
    count(file.path, 0);
    const partBytes = Number(upload.header.chunk_size);
    if (partBytes > 0) await uploadParts(hub, file, upload, partBytes, bytes => count(file.path, bytes));
    else {
      await askHub(hub, upload.href, { method: "PUT", body: file.content });
      count(file.path, file.bytes);
    }
  }
}

/** Hugging Face's own addition to Git LFS: an address a part, by numbers from 1, and one to say that all are there. */
async function uploadParts(
  hub: Hub,
  { hash: oid, path, content }: HashedFile,
  { href, header }: { href: string; header: Readonly<Record<string, string>> },
  partBytes: number,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const numbers = Object.keys(header)
    .filter(key => /^\d+$/.test(key))
    .sort((a, b) => Number(a) - Number(b));
  if (numbers.length !== Math.ceil(content.size / partBytes)) {
    throw new UserError(
      "E_HUB",
      `${path}: the hub names ${numbers.length} parts of ${partBytes} bytes`,
      "Try again later.",
    );
  }
  const parts: { partNumber: number; etag: string }[] = [];
  for (const [i, number] of numbers.entries()) {
    const part = content.slice(i * partBytes, (i + 1) * partBytes);
    const response = await askHub(hub, header[number]!, { method: "PUT", body: part });
    onBytes(part.size);
    parts.push({ partNumber: Number(number), etag: response.headers.get("ETag") ?? "" });
  }
  await askHub(hub, href, { method: "POST", type: lfsType, body: JSON.stringify({ oid, parts }) });
}

async function hashFile(path: string, onBytes: (bytes: number) => void): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(part as Buffer);
    onBytes((part as Buffer).length);
  }
  return hash.digest("hex");
}

const encodeContent = async (content: Blob): Promise<string> =>
  Buffer.from(await content.arrayBuffer()).toString("base64");
