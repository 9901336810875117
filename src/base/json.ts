// JSON of files from elsewhere, read without loss: an integer that a number cannot hold stays as its digits, a text. What is
// nested so deep that a walk over it would end the stack is refused before it is parsed.

/** Of lists and objects, in whatever is read. */
export const deepestNesting = 500;
const longNumber = /\d{16}/;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Parses JSON. SyntaxError for what is none, a RangeError for what is nested more than 500 deep. */
export function parseJson(text: string): unknown {
  if (isNestedDeeply(text)) throw new RangeError(`nested more than ${deepestNesting} deep`);
  const value: unknown = JSON.parse(text);
  // Checked as it stands first, because quotes around digits would let through what is no JSON.
  return longNumber.test(text) ? JSON.parse(text.replace(stringOrNumber, quoteLongInteger)) : value;
}

function quoteLongInteger(part: string): string {
  return /^-?\d+$/.test(part) && !Number.isSafeInteger(Number(part)) ? `"${part}"` : part;
}

/** A key that stands twice in one object of a JSON text, of which parsing keeps the last; undefined where none does. */
export function findDoubledKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let last = "";
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (part === "{" || part === "[") open.push(new Set());
    else if (part === "}" || part === "]") open.pop();
    else if (part === ":") {
      const key = JSON.parse(last) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
    last = part;
  }
  return undefined;
}

/** Whether JSON is nested so deep that what walks over its value may end the stack. */
export function isNestedDeeply(text: string): boolean {
  let openings = 0;
  for (const bracket of "[{") {
    for (let at = text.indexOf(bracket); at >= 0 && openings <= deepestNesting; at = text.indexOf(bracket, at + 1)) {
      openings += 1;
    }
  }
  return openings > deepestNesting && measureDepth(text) > deepestNesting;
}

/** How deep brackets are nested that stand in no string. */
function measureDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (quoted) {
      if (character === "\\") at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth);
    else if (character === "]" || character === "}") depth -= 1;
  }
  return deepest;
}
