// The files that products are made of, and of what multiplies in tiles the one function of all products.

import type { SharedFunction } from "./shared-functions.ts";

/** What stands before kernels that have a function multiply. */
export const operandTemplates = ["runtime.c", "operands.c"];

/** What multiplies, and what it stands on: before whatever multiplies. */
export const productTemplates = [
  ...operandTemplates,
  "instructions.c",
  "tiles.c",
  "quads.c",
  "panel.c",
  "tile-panels.c",
  "packing.c",
  "multiply.c",
  "matmul.c",
];

/** Tiles are instructions already, and what is packed for them is vectors: GCC's third level takes it half as long again and gains nothing. */
export const tileFlags = ["-O1", "-ftree-vectorize"];

export const tileProducts: SharedFunction = {
  name: "multiply_blocks_by_tiles",
  parameters:
    "char *const *p, long begin, long end, long M, long N, long K, long down, long across, const struct matrix *a, const struct matrix *b, epilogue_function epilogue",
  templates: [...productTemplates, "tile-matmul.c"],
  flags: tileFlags,
};
