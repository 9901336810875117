// Expected texts were written by hand from what browsers show (innerText of the HTML standard, without its blank lines).

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { extractHtmlText } from "./html-text.ts";

const cases: readonly (readonly [title: string, html: string, text: string])[] = [
  ["plain text", "one\n two", "one two"],
  ["paragraphs, closed or not", "<p>one</p><p>two<p>three", "one\ntwo\nthree"],
  ["inline elements do not part words", "a<b>b</b><i> c</i>d", "ab cd"],
  ["a line break", "one<br>two<br/>three", "one\ntwo\nthree"],
  ["lists", "<ul>\n <li>one\n <li>two</ul>after", "one\ntwo\nafter"],
  ["tables", "<table><tr><td>a<td>b</td></tr><tr><td>c</td></tr></table>", "ab\nc"],
  ["cells that are closed", "<table><tr><th>a</th><td>b</td></tr></table>c", "a\tb\nc"],
  [
    "entities",
    "&lt;b&gt; &amp;amp; &eacute; &#233; &#x1F600; &nbsp;x &unknown; AT&T &notit;",
    "<b> &amp; é é 😀 \u00a0x &unknown; AT&T ¬it;",
  ],
  ["scripts", "a<script>if (a < b) '</p>'</script>b<SCRIPT src=x></SCRIPT>c", "abc"],
  ["styles", "<style>p > a { }</style>a", "a"],
  ["what is left out nests", "a<template>b<template>c</template>d</template>e<noscript><p>f</noscript>g", "aeg"],
  ["comments and declarations", "<!doctype html><!-- a > b -->c<?php x ?>d", "cd"],
  [
    "of the head the title",
    "<head><meta charset=utf-8><title>A &amp; b</title><style>x</style></head><body>c",
    "A & b\nc",
  ],
  ["attributes", "<p title='a > b' data-x=\"<i>\">c</p>", "c"],
  ["preformatted text", "<p>a  b</p><pre>  one\n    two  \n</pre><p>c  d</p>", "a b\n  one\n    two  \nc d"],
  ["inline elements in preformatted text", "<pre>a  <b>b  c</b>\n d</pre>e", "a  b  c\n d\ne"],
  ["tags that never end", "a <b", "a"],
  ["signs that are no tags", "1 < 2 and 3 > 2 <3", "1 < 2 and 3 > 2 <3"],
  ["names in capitals", "<P>one<P>two<STYLE>x</STYLE>", "one\ntwo"],
  ["a drawing", "a<svg><text>b</text></svg>c", "ac"],
  [
    "elements that XHTML closes as it opens them",
    '<?xml version="1.0"?>\n<html><head><script src="x"/><title/><style/></head><body>a<iframe/>b</body></html>',
    "ab",
  ],
  [
    "the same by its doctype",
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x">\n<html><script src="x" /><p>a</p></html>',
    "a",
  ],
  ["the same in HTML, where it stays open", '<!doctype html><script src="x"/><p>a</p></script>b', "b"],
  ["nothing", "", ""],
];
for (const [title, html, text] of cases) {
  test(`${title}: ${html.slice(0, 30)}`, () => assert.equal(extractHtmlText(html), text));
}

test("text that was escaped comes back, whatever it is", () => {
  const escapeSigns = (text: string) => text.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`);
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), words => {
      const shown = words.map(word => word.replace(/[\s\0]/g, "")).filter(word => word !== "");
      const html = shown.map(word => `<div class="x">${escapeSigns(word)}</div>`).join("");
      assert.equal(extractHtmlText(html), shown.join("\n"));
    }),
    { numRuns: 50 },
  );
});

test("depth and broken markup cost no more than their length", () => {
  const deep = `${"<div>".repeat(100_000)}x${"</b></div>".repeat(100_000)}`;
  assert.equal(extractHtmlText(deep), "x");
  assert.equal(extractHtmlText("<".repeat(100_000)).length, 100_000);
});
