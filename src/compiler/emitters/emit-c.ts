// Emits a kernel as C for the cpu: a function of (pointers, first block, end block), with loops that the system's compiler
// vectorises.

import { type DType, isNarrow, type Tensor } from "../../graph/tensor.ts";
import { emitIndex } from "../indices/index-expression.ts";
import { type Declaration, type Loop, type LoopKernel, listTensors, type Type } from "../loops/ir.ts";
import { emitBody, type Language } from "./emit-body.ts";

/** What an element in memory is. */
export const storageTypes: Readonly<Record<DType, string>> = {
  f32: "float",
  bf16: "bf16",
  f16: "f16",
  i32: "int32_t",
  u32: "uint32_t",
  u8: "uint8_t",
  bool: "uint8_t",
};

const registerTypes: Readonly<Record<Type, string>> = {
  f32: "float",
  bf16: "float",
  f16: "float",
  i32: "int32_t",
  u32: "uint32_t",
  u8: "uint32_t",
  bool: "int",
  index: "long",
};

/** What C and CUDA have in common. */
export const cExpressions = {
  constant: (value: number, type: Type) => {
    if (type === "bool" || type === "i32" || type === "index") return String(Math.trunc(value));
    if (type === "u32" || type === "u8") return `${Math.trunc(value)}u`;
    if (Number.isNaN(value)) return "NAN";
    // As it is in f32: 1e39 is infinite there.
    const single = Math.fround(value);
    if (!Number.isFinite(single)) return single > 0 ? "INFINITY" : "(-INFINITY)";
    const text = single.toPrecision(9);
    return `(${/[.e]/.test(text) ? text : `${text}.0`}f)`;
  },
  choose: (condition: string, yes: string, no: string) => `(${condition} ? ${yes} : ${no})`,
  unpack: (dtype: DType, element: string) => (isNarrow(dtype) ? `${dtype}_to_f32(${element})` : element),
  // A bf16 number in an f32 register has nothing to round.
  pack: (dtype: DType, type: Type, value: string) => {
    if (!isNarrow(dtype)) return value;
    return dtype === "bf16" && type === "bf16" ? `high_half(${value})` : `f32_to_${dtype}(${value})`;
  },
} as const;

export const beginOf = { sum: "0", max: "-INFINITY" } as const;

const language: Language = {
  ...cExpressions,
  convert: (type, value) => `(${registerTypes[type]})(${value})`,
  chunk: (_dtype, _width, address, at) => `${address}[${at}]`,
  define: (name, type, _width, value) => `const ${registerTypes[type]} ${name} = ${value};`,
  declare: ({ name, type, count, begin }: Declaration) => {
    const start = begin === undefined ? "" : beginOf[begin];
    if (count === undefined) return [`${registerTypes[type]} ${name} = ${start};`];
    const array = `_Alignas(64) ${registerTypes[type]} ${name}[${count}];`;
    return begin === undefined ? [array] : [array, `for (int i = 0; i < ${count}; i++) ${name}[i] = ${start};`];
  },
  loop: loop => {
    const { variable, from, to, step, form } = loop;
    const next = step === 1 ? `${variable}++` : `${variable} += ${step}`;
    const head = `for (long ${variable} = ${emitIndex(from)}; ${variable} < ${emitIndex(to)}; ${next}) {`;
    return form === "vector" ? [vectorPragma(loop), head] : [head];
  },
  // A row is one thread's, so that only lanes are left to reduce.
  reduce: (name, fn) => `${name}[0] = ${fn}_lanes(${name});`,
  round: (address, name, count) => `round_row(${address}, ${name}, ${count});`,
  fetch: (address, bytes) => `fetch_behind(${address}, ${bytes});`,
  barrier: "",
};

/** Sums of a loop may be added up in any order; its turns are independent otherwise. */
function vectorPragma({ body }: Loop): string {
  const reductions = body.flatMap(statement =>
    statement.kind === "accumulate" && statement.at === undefined
      ? [` reduction(${statement.fn === "sum" ? "+" : "max"}:${statement.name})`]
      : [],
  );
  return reductions.length === 0 ? "#pragma GCC ivdep" : `#pragma omp simd${reductions.join("")}`;
}

export interface EmittedC {
  readonly source: string;
  /** Tensors whose addresses the function takes, in order. */
  readonly pointers: readonly Tensor[];
}

/** The function KERNEL. A block without loops is an element: the loop over blocks is what becomes vectors. */
export function emitCKernel({ block, body }: LoopKernel): EmittedC {
  const pointers = listTensors(body);
  const pragma = body.some(({ kind }) => kind === "loop") ? "" : "#pragma GCC ivdep\n";
  const source = `static void KERNEL(char *const *p, long begin, long end) {
${declarePointers(pointers)}${pragma}  for (long ${block} = begin; ${block} < end; ${block}++) {
${emitCBody(body, pointers, "    ")}  }
}
`;
  return { source, pointers };
}

export function emitCBody(body: LoopKernel["body"], pointers: readonly Tensor[], indent: string): string {
  return emitBody(body, pointers, language, indent);
}

/** Declares the pointers of a function of (p, …), the first of them at p[first]. */
export function declarePointers(pointers: readonly Tensor[], first = 0): string {
  return pointers
    .map(({ dtype }, i) => `  ${storageTypes[dtype]} *restrict a${i} = (void *)p[${first + i}];\n`)
    .join("");
}
