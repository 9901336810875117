#!/usr/bin/env node
// The command `cram`: takes signals before anything else is loaded, then becomes the program.

import { watchSignals } from "./terminal/signals.ts";

watchSignals();
const { outliveReaders } = await import("./terminal/output.ts");
const { asksForJson, runCommand } = await import("./program.ts");
const words = process.argv.slice(2);
outliveReaders(async error => (await import("./told-errors.ts")).showError(error, asksForJson(words)));
await runCommand(words);
