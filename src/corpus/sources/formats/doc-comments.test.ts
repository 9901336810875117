import assert from "node:assert/strict";
import { test } from "node:test";
import { extractDocComments } from "./doc-comments.ts";

test("documentation comments come without stars; code and other comments stay out", () => {
  const source = `
/* not this one */
/** One line. */
export declare function one(): void; // nor this
/**
 * Reads a file.
 *
 * \`\`\`js
 *   open("x") // indented
 * \`\`\`
 * @param path where
 */
declare function read(path: string): string;
/**/ let x: number;
/** */
`;
  assert.equal(
    extractDocComments(source),
    'One line.\n\nReads a file.\n\n```js\n  open("x") // indented\n```\n@param path where',
  );
});

test("a file without documentation is empty", () => {
  assert.equal(extractDocComments("export {};\n"), "");
});
