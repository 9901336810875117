// The text of an HTML page: what a browser would show of it, scripts and styles left out, elements that browsers set apart on
// lines of their own. Tags and entities are found as browsers find them, by one pass without a tree: nothing nests too deep.

import { Tokenizer } from "htmlparser2";

/** What is no prose, or is shown where scripts do not run. */
const leftOut = new Set(["script", "style", "template", "noscript", "iframe", "svg"]);
const blocks = new Set(
  (
    "address article aside blockquote body br caption center dd details dialog div dl dt fieldset figcaption figure footer form " +
    "h1 h2 h3 h4 h5 h6 head header hr html legend li main menu nav ol option p pre search section select summary table tbody " +
    "tfoot thead title tr ul"
  ).split(" "),
);

/** Blocks are parted by a line end and cells by a tab; white space is one space as browsers show it, and kept in <pre>. */
export function extractHtmlText(page: string): string {
  const html = openEmpty(page);
  const lines = new TextLines();
  /** The element that is being left out, and how many of its name are open. */
  let left: { readonly name: string; depth: number } | undefined;
  let preformatted = 0;
  const nameAt = (start: number, end: number) => html.slice(start, end).toLowerCase();
  const add = (text: string) => {
    if (left === undefined) lines.add(text, preformatted > 0);
  };
  const pass = (name: string, step: 1 | -1) => {
    if (left?.name === name) {
      left.depth += step;
      if (left.depth === 0) left = undefined;
    } else if (left === undefined && step === 1 && leftOut.has(name)) left = { name, depth: 1 };
    if (left !== undefined) return;
    if (name === "pre") preformatted = Math.max(0, preformatted + step);
    if (blocks.has(name)) lines.end();
    else if (step === -1 && (name === "td" || name === "th")) lines.add("\t", true);
  };
  const ignore = () => {};
  const tokenizer = new Tokenizer(
    {},
    {
      ontext: (start, end) => add(html.slice(start, end)),
      ontextentity: codePoint => add(String.fromCodePoint(codePoint)),
      onopentagname: (start, end) => pass(nameAt(start, end), 1),
      onclosetag: (start, end) => pass(nameAt(start, end), -1),
      onopentagend: ignore,
      onselfclosingtag: ignore,
      oncdata: (start, end, offset) => add(html.slice(start, end - offset)),
      onattribdata: ignore,
      onattribentity: ignore,
      onattribend: ignore,
      onattribname: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onprocessinginstruction: ignore,
      onend: ignore,
    },
  );
  tokenizer.write(html);
  tokenizer.end();
  return lines.text;
}

const emptyElement = new RegExp(`<(${[...leftOut, "title", "textarea"].join("|")})\\b([^<>]*)/>`, "gi");

/** In XHTML an element without content may be closed as it opens; as HTML it would take in all that follows. */
const openEmpty = (html: string): string =>
  /^\ufeff?\s*(<\?xml\b|<!doctype html public "-\/\/w3c\/\/dtd xhtml)/i.test(html)
    ? html.replace(emptyElement, "<$1$2></$1>")
    : html;

/** Text with white space as browsers show it. */
class TextLines {
  private readonly parts: string[] = [];
  /** What the last part ends with: white space that a further space, or a line end that a further one, adds nothing to. */
  private tail: "line" | "space" | "text" = "line";

  add(text: string, preformatted: boolean): void {
    const shown = preformatted ? text : text.replace(/[ \t\r\n\f]+/g, " ");
    const part = !preformatted && this.tail !== "text" && shown.startsWith(" ") ? shown.slice(1) : shown;
    if (part === "") return;
    this.parts.push(part);
    this.tail = part.endsWith("\n") ? "line" : /\s$/.test(part) ? "space" : "text";
  }

  end(): void {
    if (this.tail === "space") this.parts.push(this.parts.pop()!.replace(/[ \t]+$/, ""));
    if (this.tail !== "line") this.parts.push("\n");
    this.tail = "line";
  }

  get text(): string {
    return this.parts.join("").trim();
  }
}
