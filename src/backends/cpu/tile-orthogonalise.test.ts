// Newton–Schulz in tiles keeps to its memory, whatever a matrix's sizes. What it writes behind that, results do not tell.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { orthogonaliseTemplates } from "./orthogonalise.ts";
import { readTemplate } from "./pool.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-tiled-"));
after(() => rmSync(folder, { recursive: true }));

/** Rows, columns, parts and matrices: one square and several of them, whole and not, in fewer and in more than a strip has of depth. */
const shapes = [
  ...[
    [1, 1, 1, 1],
    [1, 40, 1, 2],
    [40, 1, 1, 2],
    [1, 300, 1, 1],
    [300, 1, 1, 1],
    [32, 300, 1, 1],
    [300, 20, 1, 2],
  ],
  ...[
    [33, 31, 1, 1],
    [40, 33, 1, 1],
    [64, 64, 1, 2],
    [70, 45, 1, 2],
    [65, 256, 1, 1],
    [65, 257, 1, 1],
    [288, 65, 1, 1],
  ],
  ...[
    [50, 120, 3, 2],
    [100, 90, 3, 2],
  ],
];

const main = `
int main(void) {
  static const float coefficients[2][3] = {{3.4445f, -4.775f, 2.0315f}, {3.4445f, -4.775f, 2.0315f}};
  static const long shapes[][4] = {${shapes.map(shape => `{${shape}}`)}};
  for (int i = 0; i < ${shapes.length}; i++) {
    const long *shape = shapes[i], count = shape[0] * shape[1] * shape[3];
    for (int wide = 0; wide < 2; wide++) {
      bf16 *from = malloc(count * 2);
      for (long n = 0; n < count; n++) from[n] = f32_to_bf16((float)(n * 7919 % 2001 - 1000));
      char *to = malloc(count * (wide ? 4 : 2)), *p[] = {(char *)from, to};
      orthogonalise_blocks_by_tiles(p, 0, shape[2] * shape[3], shape[0], shape[1], shape[2], 1.01f, 1e-7f, wide ? F32 : BF16, 2, coefficients);
      for (long n = 0; n < count; n++)
        if (!(fabsf(wide ? ((float *)to)[n] : bf16_to_f32(((bf16 *)to)[n])) < 2)) return 2;
      free(from), free(to);
      // The next matrix has memory of its own, and no more of it than it asks for.
      free(pthread_getspecific(orthogonal_key)), pthread_setspecific(orthogonal_key, NULL);
    }
  }
}
`;

const compile = (source: string, name: string) => {
  writeFileSync(join(folder, `${name}.c`), source);
  const flags = ["-O1", "-w", "-std=gnu11", "-DEMULATED_TILES", "-fsanitize=address", "-static-libasan"];
  const words = [...flags, "-o", join(folder, name), join(folder, `${name}.c`), "-lm", "-lpthread"];
  return spawnSync("gcc", words, { encoding: "utf8" });
};
const skip = compile("int main(void) { return 0; }", "nothing").status !== 0 && "no GCC that watches over memory";

test("nothing is read or written behind a matrix or what is made of it", { skip, timeout: 120_000 }, () => {
  const built = compile([...orthogonaliseTemplates.map(readTemplate), main].join("\n"), "tiled");
  assert.equal(built.status, 0, built.stderr);
  const { status, stderr } = spawnSync(join(folder, "tiled"), {
    encoding: "utf8",
    env: { ASAN_OPTIONS: "detect_leaks=0" },
  });
  assert.equal(status, 0, stderr.slice(0, 2000));
});
