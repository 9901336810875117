// Presses Ctrl-C in the program that it is loaded into, by --import, as soon as that has written what CTRL_C_AT says. A test beside the
// program may be kept waiting by a busy machine until there is nothing left to interrupt.

const moment = process.env.CTRL_C_AT;
if (moment === undefined) throw new Error("CTRL_C_AT is missing");
const write = process.stdout.write.bind(process.stdout);
let written = "";
process.stdout.write = ((...given: Parameters<typeof write>) => {
  const isBefore = !written.includes(moment);
  written += given[0].toString();
  const taken = write(...given);
  // Once: a second Ctrl-C ends the program at once.
  if (isBefore && written.includes(moment)) process.kill(process.pid, "SIGINT");
  return taken;
}) as typeof write;
