// The prose inside type declarations: the documentation comments (`/** … */`) of a .d.ts file, without their stars. It is the
// longest English text that npm installs, and examples in it are code that people write.

/** The documentation comments of a TypeScript file, one paragraph each; an empty text when there are none. */
export function extractDocComments(source: string): string {
  const comments = source.match(/\/\*\*(?!\/)[\s\S]*?\*\//g) ?? [];
  return comments
    .map(comment =>
      comment
        .slice(3, -2)
        .split("\n")
        .map(line => line.replace(/^\s*\*? ?/, "").trimEnd())
        .join("\n")
        .trim(),
    )
    .filter(text => text !== "")
    .join("\n\n");
}
