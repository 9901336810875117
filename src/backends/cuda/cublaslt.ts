// Matrix products by cuBLASLt. Each shape is timed once on this device in the ways that the library proposes, on random numbers
// (zeros take less power and look faster), and the choice is kept on disk, so that a later run multiplies in the same way. Then it
// gets the same bits: NVIDIA promises that of one version on devices of one kind as long as, as here, one stream is used. Sums are
// f32, never TF32; a sum cut into parts adds them in the workspace, apart from the multiplying, and never in the result.

import { contentHash } from "../../base/files/files.ts";
import type { Product } from "../../compiler/program/program.ts";
import { bytesPerElement } from "../../graph/tensor.ts";
import { readCached, replaceCached } from "../kernel-cache.ts";
import { type CublasLtApi, heuristicResult, cublasLtConstants as lt } from "./driver/cublaslt-api.ts";
import type { CudaDriver } from "./driver/driver.ts";
import {
  bufferAlignmentBytes,
  countSpan,
  layoutProduct,
  type MatrixLayout,
  nameProduct,
  type ProductLayout,
} from "./product-layout.ts";
import { fillAtRandom } from "./random-fill.ts";

/** What the library needs of the driver it works beside. */
type Device = Pick<CudaDriver, "device" | "freeBytes" | "allocate" | "free" | "copyIn" | "time">;

interface PreparedProduct {
  readonly layout: ProductLayout;
  readonly description: bigint;
  readonly a: bigint;
  readonly b: bigint;
  readonly out: bigint;
  /** cublasLtMatmulAlgo_t. */
  algorithm: Uint8Array;
}

/** In bytes, of our a and our b. */
interface Offsets {
  readonly a: bigint;
  readonly b: bigint;
}

const workspaceBytes = 32 * 2 ** 20;
/** Few are not enough: of deep products the ways that cut the sum into parts decide, and they may stand far down the list. */
const proposals = 32;
const timedRounds = 5;
/** An idle device takes this long to reach its clock. */
const warmUpSeconds = 0.02;
const mostWarmUpRounds = 50;
const one = Float32Array.of(1);
const zero = Float32Array.of(0);
const dataTypes = { f32: lt.CUDA_R_32F, bf16: lt.CUDA_R_16BF, f16: lt.CUDA_R_16F } as const;

/** The library's handle, its workspace and the descriptors of every product that was prepared. */
export class CublasLt {
  private readonly api: CublasLtApi;
  private readonly device: Device;
  private readonly stream: bigint;
  private readonly handle: bigint;
  private readonly workspace: bigint;
  private readonly choicesName: string;
  private readonly choices: Record<string, string>;
  private readonly byName = new Map<string, PreparedProduct>();
  private preparing: Promise<unknown> = Promise.resolve();
  private readonly byProduct = new WeakMap<
    Product,
    { readonly prepared: PreparedProduct; readonly offsets: Offsets }
  >();

  /** `driverVersion`: choices are made anew where it, the library or the device changes. */
  constructor(api: CublasLtApi, device: Device, stream: bigint, driverVersion: number) {
    this.api = api;
    this.device = device;
    this.stream = stream;
    this.handle = api.create("cublasLtCreate");
    this.workspace = device.allocate(workspaceBytes);
    const { name, multiprocessors } = device.device;
    const hash = contentHash(
      ["products", name, multiprocessors, driverVersion, api.version, workspaceBytes].join("\n"),
    );
    this.choicesName = hash;
    this.choices = readChoices(hash);
  }

  /**
   * Chooses a way for each product that has none yet. Callers wait for each other: two at once would disturb each other's times. And
   * all go on together, so that no program takes its arena while another still needs memory to time its products, which would make
   * the choice depend on who came first.
   */
  async prepare(products: readonly Product[]): Promise<void> {
    const own = this.preparing.then(() => this.prepareAlone(products));
    this.preparing = own.catch(() => undefined);
    await own;
    for (let last: unknown; last !== this.preparing; ) {
      last = this.preparing;
      await last;
    }
  }

  private async prepareAlone(products: readonly Product[]): Promise<void> {
    let isNew = false;
    for (const product of products) {
      const layout = layoutProduct(product);
      const name = nameProduct(product, layout);
      let prepared = this.byName.get(name);
      if (prepared === undefined) {
        prepared = this.describe(layout);
        this.byName.set(name, prepared);
        const known = this.choices[name] === undefined ? undefined : Buffer.from(this.choices[name], "hex");
        if (known !== undefined && this.accepts(prepared, known)) prepared.algorithm = Uint8Array.from(known);
        else isNew = (await this.choose(name, prepared, product.accumulates)) || isNew;
      }
      // Products that share descriptors may begin at different places of their buffers.
      const offsets = { a: BigInt(layout.b.offsetBytes), b: BigInt(layout.a.offsetBytes) };
      this.byProduct.set(product, { prepared, offsets });
    }
    if (isNew) replaceCached(this.choicesName, choicesEnding, JSON.stringify(this.choices, undefined, 1));
  }

  /** Asks for a prepared product on the stream. */
  multiply(product: Product, a: bigint, b: bigint, out: bigint, addend: bigint): void {
    const known = this.byProduct.get(product);
    if (known === undefined) throw new Error("a product was not prepared");
    const { prepared, offsets } = known;
    // The library's A is our b: see product-layout.ts.
    const places = { a: b + offsets.b, b: a + offsets.a, addend, out };
    this.run(prepared, prepared.algorithm, places, product.accumulates);
  }

  close(): void {
    for (const { description, a, b, out } of this.byName.values()) {
      this.api.call("cublasLtMatmulDescDestroy", description);
      for (const layout of [a, b, out]) this.api.call("cublasLtMatrixLayoutDestroy", layout);
    }
    this.byName.clear();
    this.device.free(this.workspace);
    this.api.call("cublasLtDestroy", this.handle);
  }

  private describe(layout: ProductLayout): PreparedProduct {
    const { api } = this;
    const description = api.create("cublasLtMatmulDescCreate", lt.CUBLAS_COMPUTE_32F, lt.CUDA_R_32F);
    const transposes = [
      [lt.CUBLASLT_MATMUL_DESC_TRANSA, layout.a],
      [lt.CUBLASLT_MATMUL_DESC_TRANSB, layout.b],
    ] as const;
    for (const [attribute, { transposed }] of transposes) {
      const operation = Int32Array.of(transposed ? lt.CUBLAS_OP_T : lt.CUBLAS_OP_N);
      api.call("cublasLtMatmulDescSetAttribute", description, attribute, operation, operation.byteLength);
    }
    const create = ({ dtype, rows, columns, leadingDimension, batchStride }: MatrixLayout): bigint => {
      const made = api.create("cublasLtMatrixLayoutCreate", dataTypes[dtype], rows, columns, leadingDimension);
      const count = Int32Array.of(layout.batches);
      const stride = BigInt64Array.of(BigInt(batchStride));
      const set = "cublasLtMatrixLayoutSetAttribute";
      api.call(set, made, lt.CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, count, count.byteLength);
      api.call(set, made, lt.CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, stride, stride.byteLength);
      return made;
    };
    const [a, b, out] = [layout.a, layout.b, layout.out].map(create) as [bigint, bigint, bigint];
    return { layout, description, a, b, out, algorithm: new Uint8Array(heuristicResult.algorithmBytes) };
  }

  /** Whether an algorithm from the cache is one that the library still takes. */
  private accepts({ description, a, b, out }: PreparedProduct, algorithm: Uint8Array): boolean {
    if (algorithm.byteLength !== heuristicResult.algorithmBytes) return false;
    const result = new Uint8Array(heuristicResult.bytes);
    const status = this.api.ask("cublasLtMatmulAlgoCheck", this.handle, description, a, b, out, out, algorithm, result);
    return status === 0 && readWorkspace(result, 0) <= workspaceBytes;
  }

  /** Times the proposals. True when the choice is to be kept: it is not where memory is too short to time anything. */
  private async choose(name: string, prepared: PreparedProduct, accumulates: boolean): Promise<boolean> {
    const algorithms = this.propose(prepared);
    if (algorithms.length === 0) throw new Error(`cuBLASLt ${this.api.version} has no way to multiply ${name}`);
    prepared.algorithm = algorithms[0]!;
    const { layout } = prepared;
    const parts = [layout.a, layout.b, layout.out];
    const bytes = parts.map(part => countSpan(part, layout.batches) * bytesPerElement[part.dtype]);
    if (bytes.reduce((sum, each) => sum + each, 0) > 0.9 * this.device.freeBytes()) return false;
    const addresses: bigint[] = [];
    try {
      for (const [i, part] of parts.entries()) {
        addresses.push(this.device.allocate(bytes[i]!));
        fillAtRandom(this.device, addresses[i]!, bytes[i]!, part.dtype);
      }
      const [a, b, out] = addresses as [bigint, bigint, bigint];
      const ways = algorithms.map(algorithm => () => {
        this.run(prepared, algorithm, { a, b, addend: out, out }, accumulates);
      });
      // The first run of each loads its code.
      for (let round = 0, spent = 0; round < 2 || (spent < warmUpSeconds && round < mostWarmUpRounds); round++) {
        spent += (await this.device.time(ways)).reduce((sum, seconds) => sum + seconds, 0);
      }
      // Rounds over all ways, so that what disturbs the device for a while disturbs them alike.
      const rounds: Float64Array[] = [];
      for (let round = 0; round < timedRounds; round++) rounds.push(await this.device.time(ways));
      const medians = ways.map((_, i) => rounds.map(round => round[i]!).sort((x, y) => x - y)[timedRounds >> 1]!);
      prepared.algorithm = algorithms[medians.indexOf(Math.min(...medians))]!;
    } finally {
      for (const address of addresses) this.device.free(address);
    }
    this.choices[name] = Buffer.from(prepared.algorithm).toString("hex");
    return true;
  }

  /** What the library's own model of speed likes best, best first. */
  private propose({ layout, description, a, b, out }: PreparedProduct): Uint8Array[] {
    const { api } = this;
    const preference = api.create("cublasLtMatmulPreferenceCreate");
    try {
      const set = (attribute: number, value: BigUint64Array | Uint32Array): void =>
        api.call("cublasLtMatmulPreferenceSetAttribute", preference, attribute, value, value.byteLength);
      set(lt.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, BigUint64Array.of(BigInt(workspaceBytes)));
      set(lt.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, Uint32Array.of(lt.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
      set(lt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, Uint32Array.of(layout.a.alignmentBytes));
      set(lt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, Uint32Array.of(layout.b.alignmentBytes));
      const alignment = Uint32Array.of(bufferAlignmentBytes);
      set(lt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment);
      set(lt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment);
      const results = new Uint8Array(proposals * heuristicResult.bytes);
      const count = new Int32Array(1);
      const find = "cublasLtMatmulAlgoGetHeuristic";
      // A status that is an error means what no proposals mean; the caller says of which product.
      const layouts = [description, a, b, out, out] as const;
      const status = api.ask(find, this.handle, ...layouts, preference, proposals, results, count);
      if (status !== 0) return [];
      return Array.from({ length: count[0]! }, (_, i) => i * heuristicResult.bytes)
        .filter(at => readState(results, at) === 0 && readWorkspace(results, at) <= workspaceBytes)
        .map(at => results.slice(at, at + heuristicResult.algorithmBytes));
    } finally {
      api.ask("cublasLtMatmulPreferenceDestroy", preference);
    }
  }

  private run(
    { description, a, b, out }: PreparedProduct,
    algorithm: Uint8Array,
    at: { readonly a: bigint; readonly b: bigint; readonly addend: bigint; readonly out: bigint },
    accumulates: boolean,
  ): void {
    const scaled = accumulates ? one : zero;
    const { api, handle, workspace, stream } = this;
    const from = [handle, description, one, at.a, a, at.b, b, scaled, at.addend, out, at.out, out] as const;
    api.call("cublasLtMatmul", ...from, algorithm, workspace, workspaceBytes, stream);
  }
}

const readState = (results: Uint8Array, at: number) =>
  new DataView(results.buffer, results.byteOffset).getInt32(at + heuristicResult.stateAt, true);

const readWorkspace = (results: Uint8Array, at: number) =>
  Number(new DataView(results.buffer, results.byteOffset).getBigUint64(at + heuristicResult.workspaceAt, true));

const choicesEnding = ".products.json";

/** Of the file of this name, if it stands there whole: what cannot be read is measured anew. */
function readChoices(name: string): Record<string, string> {
  try {
    return JSON.parse(readCached(name, choicesEnding)?.toString() ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}
