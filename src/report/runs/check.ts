// Values from files held against what a report expects of them.

import type { z } from "zod";
import { UserError } from "../../base/errors.ts";
import { makePrintable } from "../../base/printable.ts";

/** The value as the schema has it, or E_REPORT_FILE naming the file and the field. */
export function check<T>(schema: z.ZodType<T>, value: unknown, origin: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UserError(
    "E_REPORT_FILE",
    `${origin}: ${issue.path.join(".") || "the whole"}: ${issue.message}`,
    "The file was changed, or another version wrote it; make it again or move it away.",
  );
}

/** What could not be read of a run, for a line beside its name: one run must not stop the report of the others. */
export function describeTrouble(error: unknown): string {
  if (error instanceof UserError) return error.message;
  return `this run cannot be read: ${makePrintable(error instanceof Error ? error.message : String(error), 200)}`;
}
