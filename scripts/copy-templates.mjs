// Kernel templates are real source files; the compiler leaves them alone, so the build copies them beside the output.
import { chmodSync, cpSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const backends = readdirSync("src/backends", { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(entry => join("src/backends", entry.name));
for (const from of [...backends, "test/cuda-emulator", "test/fake-cuda"]) {
  for (const file of readdirSync(from)) {
    if (/\.(c|h|cu|wgsl)$/.test(file)) cpSync(join(from, file), join("dist", from, file));
  }
}
if (existsSync("dist/src/cli/main.js")) chmodSync("dist/src/cli/main.js", 0o755);
