// Values from files held against what a report expects of them.

import type { z } from "zod";
import { UserError } from "../base/errors.ts";

/** The value as the schema has it, or E_REPORT_FILE naming the file and the field. */
export function check<T>(schema: z.ZodType<T>, value: unknown, place: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UserError(
    "E_REPORT_FILE",
    `${place}: ${issue.path.join(".") || "the whole"}: ${issue.message}`,
    "The file was changed, or another version wrote it; make it again or move it away.",
  );
}
