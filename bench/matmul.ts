// `matmul`: the matrix products of a training step, beside OpenBLAS (f32), oneDNN and PyTorch (f32 and bf16). Every
// contestant's result is checked against float64 before it is timed.

import { UserError } from "../src/base/errors.ts";
import { makeTemporaryFolder } from "./folder.ts";
import { openOwnProduct, type ProductRunner } from "./own/own-product.ts";
import { loadOpenBlas, type OpenBlas } from "./peers/openblas.ts";
import { type Peer, startPeers } from "./peers/peer.ts";
import { openPeerProduct, startOneDnn, startTorchProducts } from "./peers/product-peer.ts";
import { drawOperands, largestError, type Product, type ProductPrecision, sampleProduct } from "./products.ts";
import { formatFigure, type Reporter } from "./report.ts";
import { alternate, type Timing } from "./rounds.ts";

export const productPeers = ["openblas", "onednn", "torch"] as const;
export type ProductPeer = (typeof productPeers)[number];

export interface MatmulOptions {
  readonly products: readonly Product[];
  readonly precisions: readonly ProductPrecision[];
  readonly peers: readonly ProductPeer[];
  readonly python: string;
  readonly threads: number;
  readonly rounds: number;
  readonly quietSeconds: number;
}

/** Error allowed to f32 sums of K terms, relative to their usual size; torch rounds a bf16 product's result to bf16. */
const tolerance = 2e-5;
const torchBf16Tolerance = 2e-2;
const secondsPerTurn = 0.1;

interface Peers {
  readonly blas: OpenBlas | undefined;
  readonly processes: readonly Peer[];
}

export async function benchMatmul(options: MatmulOptions, reporter: Reporter): Promise<void> {
  const { peers, threads, python } = options;
  const folder = makeTemporaryFolder();
  const blas = await startPeers(peers.includes("openblas") ? [async () => loadOpenBlas(threads)] : [], reporter.note);
  const starts: Partial<Record<ProductPeer, () => Promise<Peer>>> = {
    onednn: () => startOneDnn(folder, threads),
    torch: () => startTorchProducts(python, threads),
  };
  const processes = await startPeers(
    peers.flatMap(name => starts[name] ?? []),
    reporter.note,
  );
  try {
    const names = [...blas, ...processes].map(({ name }) => name);
    reporter.heading(
      `${threads} threads; GFLOP/s at the median and best of ${options.rounds} rounds; ${names.join(", ")}`,
    );
    for (const precision of options.precisions) {
      const cases = [];
      for (const product of options.products) {
        const timings = await timeProduct(product, precision, { blas: blas[0], processes }, folder, options);
        for (const timing of timings) reporter.record(describeTiming(product, precision, timing, timings[0]!));
        cases.push({ product, timings });
      }
      reportCases(precision, cases, reporter);
    }
  } finally {
    for (const peer of processes) peer.close();
  }
}

async function timeProduct(
  product: Product,
  precision: ProductPrecision,
  { blas, processes }: Peers,
  folder: string,
  { threads, rounds, quietSeconds }: MatmulOptions,
): Promise<Timing[]> {
  const operands = drawOperands(product, precision);
  const samples = sampleProduct(product, operands);
  const runners: ProductRunner[] = [await openOwnProduct(product, operands, precision, threads)];
  try {
    if (precision === "f32" && blas !== undefined) runners.push(blas.open(product, operands));
    for (const peer of processes)
      runners.push(await openPeerProduct(peer, product, operands, precision !== "f32", folder));
    const places = samples.map(({ at }) => at);
    for (const runner of runners) {
      await runner.run(1);
      const values = await runner.read(places);
      const error = largestError(samples, values, product);
      const limit = precision !== "f32" && runner.name.startsWith("PyTorch") ? torchBf16Tolerance : tolerance;
      if (error <= limit) continue;
      throw new UserError(
        "E_PEER_DISAGREES",
        `${runner.name}, ${product.name}, ${precision}: error ${error.toExponential(1)} against float64`,
        "It computes something else; nothing more is timed.",
      );
    }
    return await alternate(runners, { rounds, secondsPerTurn, quietSeconds });
  } finally {
    for (const runner of runners) await runner.close();
  }
}

const gflops = ({ m, n, k }: Product, seconds: number) => (2e-9 * m * n * k) / seconds;

function describeTiming(product: Product, precision: ProductPrecision, timing: Timing, ours: Timing) {
  return {
    benchmark: "matmul",
    ...product,
    precision,
    contestant: timing.name,
    seconds: timing.seconds,
    gflops: gflops(product, timing.median),
    bestGflops: gflops(product, timing.minimum),
    ...(timing === ours ? {} : { oursOverPeer: timing.median / ours.median }),
  };
}

/** One table a precision, and the geometric mean of its ratios. */
function reportCases(
  precision: ProductPrecision,
  cases: readonly { readonly product: Product; readonly timings: readonly Timing[] }[],
  reporter: Reporter,
): void {
  const names = cases[0]!.timings.map(({ name }) => name);
  const columns = [`${precision}`, "M × N × K", "cramming", "best"];
  for (const name of names.slice(1)) columns.push(name, "best", "ours/peer");
  const rows = cases.map(({ product, timings }) => {
    const [ours, ...theirs] = timings as [Timing, ...Timing[]];
    const figures = ({ median, minimum }: Timing) => [median, minimum].map(s => formatFigure(gflops(product, s)));
    const beside = theirs.flatMap(timing => [...figures(timing), formatFigure(timing.median / ours.median)]);
    return [product.name, `${product.m} × ${product.n} × ${product.k}`, ...figures(ours), ...beside];
  });
  const means = names.slice(1).map((_, i) => {
    const logs = cases.map(({ timings }) => Math.log(timings[i + 1]!.median / timings[0]!.median));
    return formatFigure(Math.exp(logs.reduce((total, log) => total + log, 0) / logs.length));
  });
  reporter.table(columns, [...rows, ["geometric mean", "", "", "", ...means.flatMap(mean => ["", "", mean])]]);
}
