// Programs of the person who runs cram: a recipe written as one, and what adds to the lists of optimizers, schedules and mixers.
// They are read as any import is, so what they import from "cramming" is this very package where it is installed beside them.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { UserError } from "../base/errors.ts";
import { makePrintable } from "../base/printable.ts";
import { quoteCommand, readExtension } from "../base/shell-words.ts";

export const moduleEndings: readonly string[] = [".ts", ".mts", ".js", ".mjs"];

/**
 * What a module exports. It is run once, however often it is named. UserError E_EXTENSION for one that is not there, throws, waits, or
 * is TypeScript where Node reads none; UserErrors that it throws are its own.
 */
export function readModule(path: string): Readonly<Record<string, unknown>> {
  try {
    const require = createRequire(import.meta.url);
    return readExtension(path, () => require(resolve(path)) as Record<string, unknown>);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const seen = makePrintable(String(message ?? error).split("\n")[0]!, 200);
    throw new UserError("E_EXTENSION", `${path}: ${seen}`, adviseOn(path, code, error), { cause: error });
  }
}

function adviseOn(path: string, code: string | undefined, error: unknown): string {
  const isSyntax = error instanceof SyntaxError;
  // npm init writes "type": "commonjs", for which the words of a module are no syntax.
  if (isSyntax && /\.[jt]s$/.test(path) && /Unexpected token 'export'|import statement outside/.test(error.message)) {
    const module = path.replace(/\.([jt]s)$/, ".m$1");
    return `package.json has it read as CommonJS: call it ${makePrintable(module)}, or write "type": "module" there.`;
  }
  if (code === "ERR_UNKNOWN_FILE_EXTENSION" || (/\.m?ts$/.test(path) && isSyntax)) {
    return "Node reads TypeScript from 22.18 on; under an older one compile it, or write JavaScript: .mjs.";
  }
  const types = isSyntax ? " Types and a ! behind a value are read in a file that ends in .ts." : "";
  return `Correct it there: ${quoteCommand("node", path)} shows the place.${types}`;
}
