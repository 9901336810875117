// Emits a kernel as WGSL, a compute shader of WebGPU: one storage binding a tensor, thread blocks as workgroups. Memory holds f32, i32
// and u32 alone, so a bool or a u8 is a word there, and bf16 is refused. A warp is a subgroup of as many threads as the target says.

import { type DType, isNarrow, type Tensor } from "../../graph/tensor.ts";
import { emitIndex } from "../indices/index-expression.ts";
import {
  type Declaration,
  type LoopKernel,
  listTensors,
  type Statement,
  type Type,
  visitStatements,
} from "../loops/ir.ts";
import type { GpuDevice } from "../targets/gpu-device.ts";
import { emitBody, type Language } from "./emit-body.ts";

const registerTypes: Readonly<Record<Type, string>> = {
  f32: "f32",
  bf16: "f32",
  f16: "f32",
  i32: "i32",
  u32: "u32",
  u8: "u32",
  bool: "bool",
  index: "i32",
};

function storageType(dtype: DType): string {
  if (isNarrow(dtype)) throw new Error(`WGSL as we emit it has no ${dtype} in memory`);
  return dtype === "bool" ? "u32" : registerTypes[dtype];
}

/** A chunk is one element as it lies in memory. */
const nameType = (type: Type, width?: number): string =>
  width === undefined ? registerTypes[type] : storageType(type as DType);

const beginOf = { sum: "0.0f", max: "-infinity()" } as const;

const language: Language = {
  constant: (value, type) => {
    if (type === "bool") return value === 0 ? "false" : "true";
    if (type === "i32" || type === "index") return String(Math.trunc(value));
    if (type === "u32" || type === "u8") return `${Math.trunc(value)}u`;
    if (Number.isNaN(value)) return "not_a_number()";
    const single = Math.fround(value);
    if (!Number.isFinite(single)) return single > 0 ? "infinity()" : "(-infinity())";
    return `(${single.toPrecision(9)}f)`;
  },
  convert: (type, value) => `${registerTypes[type]}(${value})`,
  choose: (condition, yes, no) => `select(${no}, ${yes}, ${condition})`,
  unpack: (dtype, element) => (dtype === "bool" ? `(${element} != 0u)` : element),
  pack: (dtype, _, value) => (dtype === "bool" ? `u32(${value})` : value),
  chunk: (_, width, address, at) => {
    if (width !== 1) throw new Error("WGSL loads elements one at a time: the target's chunks have one");
    return `${address}[${at}]`;
  },
  define: (name, type, width, value) => `let ${name}: ${nameType(type, width)} = ${value};`,
  declare: ({ name, type, count, width, begin }) => {
    const start = begin === undefined ? "" : ` = ${beginOf[begin]}`;
    if (count === undefined) return [`var ${name}: ${nameType(type, width)}${start};`];
    const array = `var ${name}: array<${nameType(type, width)}, ${count}>;`;
    if (begin !== "max") return [array];
    return [array, `for (var i: i32 = 0; i < ${count}; i++) { ${name}[i] = ${beginOf.max}; }`];
  },
  loop: ({ variable, from, to, step }) => [
    `for (var ${variable}: i32 = ${emitIndex(from)}; ${variable} < ${emitIndex(to)}; ${variable} += ${step}) {`,
  ],
  reduce: (name, fn, across) => `${name} = ${across}_${fn}(${name}${across === "block" ? ", thread" : ""});`,
  barrier: "workgroupBarrier();",
};

export interface EmittedWgsl {
  /** A whole module. */
  readonly source: string;
  /** Tensors by their bindings 0, 1, … of group 0. */
  readonly bindings: readonly Tensor[];
}

/** Workgroups are counted along two axes, because one has at most 65,535: the number of a block is x + 65,535 y. */
const mostAlong = 65_535;

/** The module of a kernel whose values are shared and whose chunks have one element. */
export function emitWgslKernel(
  { block, body, threads, blocks, grain }: LoopKernel & { readonly threads: number },
  { warpThreads }: Pick<GpuDevice, "warpThreads">,
): EmittedWgsl {
  const bindings = listTensors(body);
  const written = new Set<Tensor>();
  const reductions = new Set<string>();
  visitStatements(body, statement => {
    if (statement.kind === "store") written.add(statement.tensor);
    if (statement.kind === "reduce") reductions.add(statement.across);
  });
  const isShared = (statement: Statement): statement is Declaration =>
    statement.kind === "declare" && statement.shared === true;
  const heads = [
    ...bindings.map((tensor, i) => {
      const access = written.has(tensor) ? "read_write" : "read";
      return `@group(0) @binding(${i}) var<storage, ${access}> a${i}: array<${storageType(tensor.dtype)}>;`;
    }),
    ...body.filter(isShared).map(({ name, type, count }) => {
      return `var<workgroup> ${name}: array<${registerTypes[type]}, ${count}>;`;
    }),
  ];
  const needsWarps = reductions.size > 0;
  const text = emitBody(
    body.filter(statement => !isShared(statement)),
    bindings,
    language,
    "  ",
  );
  const source = `${needsWarps ? "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n" : ""}${heads.join("\n")}
${arithmetic}${needsWarps ? emitReductions(warpThreads, threads) : ""}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let ${block}: i32 = i32(group.x + ${mostAlong}u * group.y);
  if (${block} >= ${Math.ceil(blocks / grain)}) { return; }
  let thread: i32 = i32(local);
${text}}
`;
  return { source, bindings };
}

/** Trees of a fixed order over a warp, then over the warps of a block. */
function emitReductions(warpThreads: number, threads: number): string {
  const warps = threads / warpThreads;
  return (["sum", "max"] as const)
    .map(fn => {
      const join = (a: string, b: string) => (fn === "sum" ? `${a} + ${b}` : `max(${a}, ${b})`);
      return `fn warp_${fn}(value: f32) -> f32 {
  var x = value;
  for (var bits = ${warpThreads / 2}u; bits > 0u; bits /= 2u) { x = ${join("x", "subgroupShuffleXor(x, bits)")}; }
  return x;
}
var<workgroup> ${fn}_of_warp: array<f32, ${warps}>;
fn block_${fn}(value: f32, thread: i32) -> f32 {
  let own = warp_${fn}(value);
  workgroupBarrier();
  if (thread % ${warpThreads} == 0) { ${fn}_of_warp[thread / ${warpThreads}] = own; }
  workgroupBarrier();
  var x = ${fn}_of_warp[0];
  for (var i: i32 = 1; i < ${warps}; i++) { x = ${join("x", `${fn}_of_warp[i]`)}; }
  return x;
}
`;
    })
    .join("");
}

// Philox-4x32-10 as in base/random.ts; erf by Abramowitz & Stegun 1964, 7.1.26, within 1.5e-7.
const arithmetic = `fn infinity() -> f32 { var bits = 0x7f800000u; return bitcast<f32>(bits); }
fn not_a_number() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }
fn exp_f32(x: f32) -> f32 { return exp(x); }
fn log_f32(x: f32) -> f32 { return log(x); }
fn sqrt_f32(x: f32) -> f32 { return sqrt(x); }
fn rsqrt_f32(x: f32) -> f32 { return inverseSqrt(x); }
fn sin_f32(x: f32) -> f32 { return sin(x); }
fn cos_f32(x: f32) -> f32 { return cos(x); }
fn tanh_f32(x: f32) -> f32 { return tanh(clamp(x, -15.0f, 15.0f)); }
fn erf_f32(x: f32) -> f32 {
  let t = 1.0f / (1.0f + 0.3275911f * abs(x));
  let p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  return sign(x) * (1.0f - p * exp(-x * x));
}
fn high_product(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let rest = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (cross >> 16u) + (rest >> 16u);
}
fn random_bits(seed: u32, stream: u32, index: u32) -> u32 {
  var c = vec4<u32>(index / 4u, stream, 0u, 0u);
  var k = vec2<u32>(seed, 0u);
  for (var i: i32 = 0; i < 10; i++) {
    let first = 0xd2511f53u * c.x;
    let second = 0xcd9e8d57u * c.z;
    c = vec4<u32>(high_product(0xcd9e8d57u, c.z) ^ c.y ^ k.x, second, high_product(0xd2511f53u, c.x) ^ c.w ^ k.y, first);
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c[index % 4u];
}
`;
