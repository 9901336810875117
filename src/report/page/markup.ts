// Text that is safe to put into HTML and SVG. What is interpolated into `markup` is escaped unless it is Markup already, so a
// name or a text that comes from a file can never become a tag: there is no other way to make Markup than this file's two.

export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Markup | undefined | readonly Part[];

/** A template literal of HTML or SVG: markup`<b>${name}</b>`. Lists are joined, undefined is nothing. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...parts.map(print)));
}

/** Markup written in this package and read from no file: styles and scripts. */
export function trustMarkup(text: string): Markup {
  return new Markup(text);
}

function print(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(print).join("");
  return escapeMarkup(String(part));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes for content and for quoted attributes; characters that XML does not allow, halves of pairs among them, become U+FFFD. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character]!).replace(forbidden, "\ufffd");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\p{Surrogate}]/gu;
