import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { listPaths } from "./schema.ts";
import { assignSettings, checkSettings } from "./settings.ts";

const schema = z.strictObject({
  name: z.string(),
  sizes: z.strictObject({ width: z.number().int().positive(), kind: z.enum(["plain", "gated"]) }),
  shape: z.discriminatedUnion("form", [
    z.strictObject({ form: z.literal("circle"), radius: z.number().positive() }),
    z.strictObject({ form: z.literal("box"), side: z.number().positive().default(1) }),
  ]),
  frame: z.strictObject({ thickness: z.number() }).optional(),
});
const kind = { noun: "a drawing", advice: "Look at one." };
const circle: z.infer<typeof schema> = {
  name: "one",
  sizes: { width: 2, kind: "plain" },
  shape: { form: "circle", radius: 3 },
};
const assign = (...assignments: string[]) => assignSettings(schema, circle, assignments, "circle", kind);

test("paths are those of every option of a choice", () => {
  assert.deepEqual(listPaths(schema), [
    "name",
    "sizes.width",
    "sizes.kind",
    "shape.form",
    "shape.radius",
    "shape.side",
    "frame.thickness",
  ]);
});

test("null takes a section away that may be absent, and a later value brings it back", () => {
  const framed = { ...circle, frame: { thickness: 1 } };
  const set = (...assignments: string[]) => assignSettings(schema, framed, assignments, "circle", kind);
  assert.deepEqual(set("frame=null"), circle);
  assert.deepEqual(set("frame=null", "frame.thickness=3").frame, { thickness: 3 });
  assert.deepEqual(set("frame.thickness=3", "frame=null"), circle);
});

test("values are read as JSON, and a text as it is", () => {
  assert.equal(assign("sizes.width=5").sizes.width, 5);
  assert.equal(assign("name=5").name, "5");
  assert.equal(assign('name="a b"').name, "a b");
  assert.equal(assign("name=x=y").name, "x=y");
  assert.deepEqual(circle.sizes, { width: 2, kind: "plain" });
});

test("where another option is chosen, what only the one before reads is left out and the new one has its defaults", () => {
  assert.deepEqual(assign("shape.form=box").shape, { form: "box", side: 1 });
  assert.deepEqual(assign("shape.side=4", "shape.form=box").shape, { form: "box", side: 4 });
});

const refused: readonly (readonly [assignments: readonly string[], code: string, message: RegExp, advice: RegExp])[] = [
  [["sizes.width"], "E_SET", /no "="/, /--set name=value/],
  [["sizes.witdh=1"], "E_RECIPE_KEY", /a drawing has no "sizes.witdh"/, /Did you mean sizes.width/],
  [["width=1"], "E_RECIPE_KEY", /has no "width"/, /Did you mean sizes.width\?/],
  [["sizes=1"], "E_RECIPE_KEY", /has no value "sizes", but a section/, /Give one of sizes\.width, sizes\.kind\./],
  [["sizes=null"], "E_RECIPE_KEY", /has no value "sizes", but a section/, /./],
  [["frame=thick"], "E_RECIPE_KEY", /has no value "frame", but a section/, /Give one of frame\.thickness\./],
  [["sizes.colouring=1"], "E_RECIPE_KEY", /has no "sizes.colouring"/, /^It has sizes\.width, sizes\.kind\.$/],
  [["sizes.inner.x=1"], "E_RECIPE_KEY", /has no "sizes.inner.x"/, /^It has sizes\.width, sizes\.kind\.$/],
  [["colours.first=1"], "E_RECIPE_KEY", /has no "colours.first"/, /^It has name, sizes, shape, frame\.$/],
  [["__proto__.x=1"], "E_RECIPE_KEY", /has no "__proto__.x"/, /./],
  [["constructor=1"], "E_RECIPE_KEY", /has no "constructor"/, /./],
  [["sizes.width=-1"], "E_RECIPE_VALUE", /sizes.width: .*\(found -1\)/, /^Look at one\.$/],
  [["shape.form=box", "shape.side=0"], "E_RECIPE_VALUE", /shape.side: .*\(found 0\)/, /null takes shape\.side away/],
  [["sizes.kind=plane"], "E_RECIPE_VALUE", /none of plain, gated \(found "plane"\)/, /Did you mean plain\?/],
  [["shape.form=bax"], "E_RECIPE_VALUE", /shape.form: none of circle, box \(found "bax"\)/, /Did you mean box\?/],
  [["shape.side=1"], "E_RECIPE_KEY", /shape.side changes nothing under circle/, /Set shape.form to box/],
];

for (const [assignments, code, message, advice] of refused) {
  test(`--set ${assignments.join(" ")} is refused`, () => {
    assert.throws(() => assign(...assignments), { code, message, advice });
  });
}

test("names of a choice that all options of another one have are told once", () => {
  const edge = z.discriminatedUnion("form", [
    z.strictObject({ form: z.literal("line") }),
    z.strictObject({ form: z.literal("dots") }),
  ]);
  const within = z.strictObject({
    shape: z.discriminatedUnion("form", [
      z.strictObject({ form: z.literal("circle"), edge }),
      z.strictObject({ form: z.literal("box"), edge }),
    ]),
  });
  const box = { shape: { form: "box", edge: { form: "line" } } } as const;
  assert.throws(() => assignSettings(within, box, ["shape.edge.form=wave"], "box", kind), {
    message: /shape\.edge\.form: none of line, dots \(found "wave"\)/,
  });
});

test("several values of a setting are told who takes them, and a list that a file has is not", () => {
  const several = { ...kind, severalValues: "Sweep them." };
  assert.throws(() => assignSettings(schema, circle, ["sizes.width=1,2"], "circle", several), {
    code: "E_RECIPE_VALUE",
    advice: several.severalValues,
  });
  assert.throws(() => checkSettings(schema, { ...circle, shape: { form: "a,b" } }, "a.json", several), {
    advice: kind.advice,
  });
});

test("a name that is near none says who else gives names", () => {
  const otherNames = "A module may add it.";
  const check = (form: string) =>
    checkSettings(schema, { ...circle, shape: { form } }, "a.json", { ...kind, otherNames });
  assert.throws(() => check("pyramid"), { advice: `${kind.advice} ${otherNames}` });
  assert.throws(() => check("bax"), { advice: "Did you mean box?" });
});

test("a value from a file is refused with its origin", () => {
  assert.throws(() => checkSettings(schema, { ...circle, nmae: 1 }, "a.json", kind), {
    code: "E_RECIPE_KEY",
    message: 'a.json: a drawing has no "nmae"',
    advice: "Did you mean name?",
  });
  const list = z.strictObject({ seeds: z.array(z.number().min(0)) });
  assert.throws(() => checkSettings(list, { seeds: [2, -1] }, "a.json", kind), { message: /seeds.1: .*found -1/ });
  assert.throws(() => checkSettings(schema, undefined, "a.json", kind), {
    message: /a.json: a drawing: .*found nothing/,
  });
});
