#!/usr/bin/env node
// The command `cram`: takes signals before anything else is loaded, then becomes the program.

import { watchSignals } from "./terminal/signals.ts";

watchSignals();
await import("./program.ts");
