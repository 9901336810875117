// A choice of a schema that gets an option more while the program runs: what a user's own program adds to an optimizer's, a
// schedule's or a mixer's list. Whatever settings hold the choice take the option from then on.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";
import { noteGrowth } from "../base/shell-words.ts";
import { requireKind, type ValueKindName } from "../base/value-kinds.ts";
import { type Choice, isSection } from "./schema.ts";

/** What a record has to have, and of which kind each field is, as its type says. */
export type FieldKinds<Fields> = {
  readonly [Name in keyof Fields as object extends Pick<Fields, Name>
    ? never
    : Name]-?: Fields[Name] extends z.ZodObject
    ? "schema"
    : Fields[Name] extends (...given: never) => unknown
      ? "function"
      : Fields[Name] extends boolean
        ? "flag"
        : Fields[Name] extends string
          ? "text"
          : "object";
};

/** UserError E_EXTENSION for a record that `call` is given and that lacks a field, or has something else there. */
export function checkRecord<Fields extends object>(call: string, record: Fields, kinds: FieldKinds<Fields>): void {
  requireKind(record, "object", `${call}: its record`, "E_EXTENSION");
  const values = record as Readonly<Record<string, unknown>>;
  for (const [name, kind] of Object.entries<ValueKindName | "schema">(kinds)) {
    if (kind !== "schema") requireKind(values[name], kind, `${call}: its ${name}`, "E_EXTENSION");
    else if (!isSection(values[name])) {
      const seen = `${call}: its ${name} is ${quoteValue(values[name])}`;
      throw new UserError("E_EXTENSION", seen, "Give an object's schema, of zod.");
    }
  }
}

/**
 * Adds an option, whose schema has its name as the choice's discriminator. The schemas that hold the choice were made of this very
 * object, so it is this object that changes, and no copy. UserError E_EXTENSION for a name that is taken or is none.
 */
export function growChoice(choice: Choice, option: z.ZodObject, optionName: string): void {
  const { discriminator } = choice.def;
  const name = option.shape[discriminator];
  if (!(name instanceof z.ZodLiteral) || typeof name.value !== "string") {
    throw new UserError(
      "E_EXTENSION",
      `a schema without a name: its ${discriminator}`,
      "Give it z.literal and the name.",
    );
  }
  const bare = Object.entries(option.shape).find(([, part]) => !(part instanceof z.ZodType));
  if (bare !== undefined) {
    const seen = `${optionName}: its setting ${bare[0]} is ${quoteValue(bare[1])}`;
    throw new UserError("E_EXTENSION", seen, "Describe it by a schema of zod.");
  }
  if (name.value !== optionName) {
    const seen = `${optionName}: the schema of it names ${quoteValue(name.value)}`;
    throw new UserError("E_EXTENSION", seen, "Give both one name.");
  }
  if (choice.options.some(({ shape }) => (shape[discriminator] as z.ZodLiteral).value === name.value)) {
    throw new UserError("E_EXTENSION", `there is a ${name.value} already`, "Give yours another name.");
  }
  const options = choice.options as z.ZodObject[];
  options.push(option);
  noteGrowth();
  // zod finds the option of a value in a map that it makes once: that of a union with the option is taken over.
  const { parse, run } = z.discriminatedUnion(discriminator, options as [z.ZodObject])._zod;
  Object.assign(choice._zod, { parse, run });
}
