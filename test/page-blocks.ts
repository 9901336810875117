// The code blocks of the documentation's pages: fenced ones and indented ones, in their order.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Block {
  readonly page: string;
  /** What stands behind the fence: "sh", "ts"; "" for none; "indented" without a fence. */
  readonly language: string;
  readonly lines: readonly string[];
}

/** README, CONTRIBUTING, docs/ but for its diary, and the READMEs of examples/. */
export function listPages(root: string): string[] {
  const docs = readdirSync(join(root, "docs")).filter(name => name.endsWith(".md") && name !== "LOG.md");
  const examples = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" });
  return [
    ...["README.md", "CONTRIBUTING.md"],
    ...docs.map(name => `docs/${name}`).sort(),
    ...examples
      .filter(name => name.endsWith(".md") && !name.includes("node_modules"))
      .map(name => `examples/${name}`)
      .sort(),
  ];
}

export function listBlocks(root: string, page: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; lines: string[] } | undefined;
  let isAfterText = false;
  const close = () => {
    if (open !== undefined) blocks.push({ page, ...open });
    open = undefined;
  };
  for (const line of readFileSync(join(root, page), "utf8").split("\n")) {
    const fence = /^```(\w*)$/.exec(line);
    if (fence !== null) {
      if (open === undefined || open.language === "indented") {
        close();
        open = { language: fence[1]!, lines: [] };
      } else close();
    } else if (open !== undefined && open.language !== "indented") open.lines.push(line);
    else if (line.startsWith("    ") && !isAfterText) {
      open ??= { language: "indented", lines: [] };
      open.lines.push(line.slice(4));
    } else if (line.trim() !== "") close();
    // An indented line behind a line of text goes on with it.
    isAfterText = fence === null && open === undefined && line.trim() !== "";
  }
  close();
  return blocks;
}
