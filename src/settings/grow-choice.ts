// A choice of a schema that gets an option more while the program runs: what a user's own program adds to an optimizer's, a
// schedule's or a mixer's list. Whatever settings hold the choice take the option from then on.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { noteGrowth } from "../base/shell-words.ts";
import type { Choice } from "./schema.ts";

/**
 * Adds an option, whose schema names it by the choice's discriminator. The schemas that hold the choice were made of this very
 * object, so it is this object that changes, and no copy. UserError E_EXTENSION for a name that is taken or is none.
 */
export function growChoice(choice: Choice, option: z.ZodObject): void {
  const { discriminator } = choice.def;
  const name = option.shape[discriminator];
  if (!(name instanceof z.ZodLiteral) || typeof name.value !== "string") {
    throw new UserError(
      "E_EXTENSION",
      `a schema without a name: its ${discriminator}`,
      "Give it z.literal and the name.",
    );
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
