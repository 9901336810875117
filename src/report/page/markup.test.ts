import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeMarkup, markup } from "./markup.ts";

test("what is interpolated is text, in content and in attributes", () => {
  const hostile = `"><script>alert('1')</script>&`;
  assert.equal(
    markup`<a title="${hostile}">${hostile}</a>`.text,
    '<a title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;">&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;</a>',
  );
});

test("markup nests, lists are joined, undefined is nothing", () => {
  const rows = ["a", "<"].map(cell => markup`<td>${cell}</td>`);
  assert.equal(markup`<tr>${rows}${undefined}${7}</tr>`.text, "<tr><td>a</td><td>&lt;</td>7</tr>");
});

test("backslashes stay and characters that XML forbids are replaced", () => {
  assert.equal(markup`a\u0041\\${"\\n"}`.text, "aA\\\\n");
  assert.equal(escapeMarkup("\u0000\u001b\ud800\uffff \t\n😀"), "���� \t\n😀");
});
