#!/usr/bin/env node
// The command `cram`. The only place that catches: a UserError is three lines and exit code 1, anything else is a bug, keeps its
// stack and exits with 2. A run stopped by Ctrl-C that could save exits with 130.

import { Command, CommanderError } from "commander";
import { UserError } from "../base/errors.ts";
import { addEvaluate } from "./evaluate.ts";
import { addFill } from "./fill.ts";
import { addInspect } from "./inspect.ts";
import { colour, outliveReaders, printError } from "./output.ts";
import { addPrepare } from "./prepare.ts";
import { addPretrain } from "./pretrain.ts";
import { addQuickstart } from "./quickstart.ts";
import { addReport } from "./report.ts";

const program = new Command("cram")
  .description("Train a BERT-like language model from scratch within a fixed time.")
  .showHelpAfterError("(cram --help lists what exists)")
  .exitOverride();
for (const addVerb of [addPrepare, addPretrain, addFill, addEvaluate, addQuickstart, addInspect, addReport])
  addVerb(program);

outliveReaders();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 1;
  } else if (error instanceof UserError) {
    printError(
      `${colour("red", error.code)} ${error.message}\n  ${error.advice}\n  (docs/ERRORS.md explains the code)`,
    );
    process.exitCode = 1;
  } else {
    printError(`This is a bug in cram, not your mistake.\n${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 2;
  }
}
