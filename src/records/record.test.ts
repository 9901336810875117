import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nameForFolder } from "./record.ts";

test("whatever a recipe is called, its folder's name leaves room for what stands around it and leads nowhere else", () => {
  // With "001-" before it, or "-" and a hash behind it, and a draft's ending: a file system has room for 255 bytes.
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), name => {
      const folder = nameForFolder(name);
      assert.ok(Buffer.byteLength(folder) <= 60 && !/[/\\]/.test(folder), folder);
    }),
  );
  assert.equal(nameForFolder(`my recipe/${"x".repeat(300)}`), `my_recipe_${"x".repeat(50)}`);
  assert.equal(nameForFolder("crammed-bert_v1.2"), "crammed-bert_v1.2");
});
