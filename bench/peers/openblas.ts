// OpenBLAS in this process: cblas_sgemm of whichever libopenblas the system finds.

import koffi from "koffi";
import { UserError } from "../../src/base/errors.ts";
import type { ProductRunner } from "../own/own-product.ts";
import type { Operands, Product } from "../products.ts";
import { measureSeconds } from "../rounds.ts";

const names = ["libopenblas.so.0", "libopenblas.so", "libopenblas.0.dylib", "libopenblas.dylib"];
/** Of enum CBLAS_ORDER and CBLAS_TRANSPOSE. */
const [rowMajor, asIs, transposed] = [101, 111, 112];

export interface OpenBlas {
  /** The library, its version, and the kind of processor it took its kernels for. */
  readonly name: string;
  open(product: Product, operands: Operands): ProductRunner;
}

/** Throws UserError E_PEER_ABSENT where there is no libopenblas. */
export function loadOpenBlas(threads: number): OpenBlas {
  const library = findLibrary();
  library.func("void openblas_set_num_threads(int)")(threads);
  const core = library.func("const char *openblas_get_corename()")() as string;
  const config = library.func("const char *openblas_get_config()")() as string;
  const multiply = library.func(
    "void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const void *a, int lda, const void *b, int ldb, float beta, void *c, int ldc)",
  );
  return {
    name: `${config.split(" ").slice(0, 2).join(" ")} for ${core}`,
    open: ({ m, n, k, transposeA, transposeB }, { a, b }) => {
      const result = new Float32Array(m * n);
      const [ta, lda] = transposeA ? [transposed, m] : [asIs, k];
      const [tb, ldb] = transposeB ? [transposed, k] : [asIs, n];
      return {
        name: "OpenBLAS",
        run: times =>
          measureSeconds(() => {
            for (let i = 0; i < times; i++) multiply(rowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, result, n);
          }),
        read: async places => places.map(at => result[at]!),
        close: () => {},
      };
    },
  };
}

function findLibrary(): ReturnType<typeof koffi.load> {
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch {
      // Not under this name.
    }
  }
  throw new UserError("E_PEER_ABSENT", `none of ${names.join(", ")} can be loaded`, "Install OpenBLAS.");
}
