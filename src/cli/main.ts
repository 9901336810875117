#!/usr/bin/env node
// The command `cram`: takes signals before anything else is loaded, then becomes the program.

import { watchSignals } from "./terminal/signals.ts";

watchSignals();
const { outliveReaders } = await import("./terminal/output.ts");
outliveReaders();
const { runCommand } = await import("./program.ts");
await runCommand(process.argv.slice(2));
