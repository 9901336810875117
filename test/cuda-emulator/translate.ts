// The text of a CUDA module as C for gcc: PTX instructions become calls of the functions of device.h, named by the
// instruction and given its operands in the order of its text, so that the text itself is what is tested.

/** A kernel of a module: its name and how many pointers it takes. */
export interface EmulatedKernel {
  readonly name: string;
  readonly parameters: number;
}

const kernelHead =
  /__global__\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(([^)]*)\)/g;
const inlinePtx = /\b(?:asm|__asm__)\s*(?:volatile|__volatile__)?\s*\(/g;

/** The kernels of a text, in its order. */
export function listKernels(text: string): EmulatedKernel[] {
  return [...withoutComments(text).matchAll(kernelHead)].map(([, name, parameters]) => ({
    name: name!,
    parameters: parameters!.trim() === "" ? 0 : parameters!.split(",").length,
  }));
}

/** The whole C file: `prelude` is device.h. */
export function translateModule(text: string, prelude: string, computeCapability: number): string {
  const device = translatePtx(withoutComments(text))
    .replace(/\bextern\s+"C"\s*/g, "")
    .replace(
      /\bextern\s+__shared__\s+(?:__align__\s*\(\w+\)\s*)?([\w\s]+?)\s*\b(\w+)\s*\[\s*\]\s*;/g,
      "$1 *$2 = ($1 *)emulated_shared;",
    );
  const kernels = listKernels(text);
  const calls = kernels.map(({ name, parameters }) => {
    const pointers = Array.from({ length: parameters }, (_, i) => `p[${i}]`).join(", ");
    return `static void emulated_call_${name}(void *const *p) { ${name}(${pointers}); }\n`;
  });
  const table = [...kernels.map(({ name }) => `emulated_call_${name}`), "0"].join(", ");
  return `#define EMULATED_CAPABILITY ${computeCapability}\n${prelude}\n#line 1 "module.cu"\n${device}\n${calls.join("")}${runText(table)}`;
}

const runText = (table: string) => `
int emulated_run(unsigned long services, int kernel, unsigned grid, unsigned threads, unsigned shared_bytes, void *const *pointers, int order, unsigned seed) {
  static void (*const table[])(void *const *) = {${table}};
  emulator = (struct emulator *)services;
  emulated_shared_bytes = shared_bytes;
  const struct emulated_launch launch = {
    .kernel = table[kernel], .pointers = pointers, .grid = grid, .threads = threads, .shared_bytes = shared_bytes,
    .static_shared = __start_cuda_shared, .static_bytes = __stop_cuda_shared - __start_cuda_shared,
    .dynamic_shared = emulated_dynamic, .dynamic_bytes = sizeof emulated_dynamic, .order = order, .seed = seed,
  };
  return emulator->launch(&launch);
}
`;

/** Comments become blanks, so that lines keep their numbers and words in prose are not code. */
function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, found =>
    found.startsWith('"') ? found : found.replace(/[^\n]/g, " "),
  );
}

function translatePtx(text: string): string {
  let result = "";
  let from = 0;
  for (const match of text.matchAll(inlinePtx)) {
    const open = match.index + match[0].length - 1;
    const close = closingParenthesis(text, open);
    const statement = text.slice(open + 1, close);
    const lines = "\n".repeat(statement.split("\n").length - 1);
    result += `${text.slice(from, match.index)}do { ${translateInstructions(statement)} } while (0)${lines}`;
    from = close + 1;
  }
  return result + text.slice(from);
}

function translateInstructions(statement: string): string {
  const [template = "", ...operandLists] = splitOutsideParentheses(statement, ":");
  const instructions = [...template.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([, part]) => part!.replace(/\\[nt]/g, " "))
    .join("");
  // The third list names what else changes.
  const operands = operandLists
    .slice(0, 2)
    .flatMap(list => splitOutsideParentheses(list, ","))
    .filter(operand => operand.trim() !== "")
    .map(operand => `(${/^\s*"[^"]*"\s*\(([\s\S]*)\)\s*$/.exec(operand)![1]!.replace(/\s+/g, " ")})`);
  return instructions
    .split(";")
    .map(instruction => instruction.trim())
    .filter(instruction => instruction !== "")
    .map(instruction => {
      if (/^[{}.@]|%%|^\w+:$/.test(instruction))
        throw new Error(`the emulator knows single instructions, not: ${instruction}`);
      const [, opcode, rest = ""] = /^([\w.:]+)\s*([\s\S]*)$/.exec(instruction)!;
      const values = rest
        .replace(/[{}[\]]/g, "")
        .split(",")
        .filter(value => value.trim() !== "")
        .map(value => value.trim().replace(/%(\d+)/g, (_, at) => operands[Number(at)]!));
      return `ptx_${opcode!.replace(/[.:]+/g, "_")}(${values.join(", ")});`;
    })
    .join(" ");
}

function closingParenthesis(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '"') at = endOfString(text, at);
    else if (text[at] === "(") depth++;
    else if (text[at] === ")" && --depth === 0) return at;
  }
  throw new Error("an asm statement without an end");
}

function endOfString(text: string, quote: number): number {
  let at = quote + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

function splitOutsideParentheses(text: string, separator: string): string[] {
  const parts = [""];
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const start = at;
    if (text[at] === '"') at = endOfString(text, at);
    else if ("([".includes(text[at]!)) depth++;
    else if (")]".includes(text[at]!)) depth--;
    if (text[start] === separator && depth === 0) parts.push("");
    else parts[parts.length - 1] += text.slice(start, at + 1);
  }
  return parts;
}
