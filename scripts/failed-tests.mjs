// A reporter of node's runner that writes only the tests that failed: where each is, what it said, and where that was thrown. It is
// for the end of the output, which is all that is kept of a long run. A test that failed by its subtests alone is not told of again.
import { relative } from "node:path";

/** fast-check's seed and path stand at the head of its message; a counterexample may be long. */
const shownLines = 24;
const shownFrames = 8;

const cut = lines => [
  ...lines.slice(0, shownLines),
  ...(lines.length > shownLines ? [`… and ${lines.length - shownLines} lines more`] : []),
];

const describeThrown = thrown => [
  ...cut(`${thrown.name}: ${thrown.message}`.trim().split("\n")),
  ...String(thrown.stack)
    .split("\n")
    .filter(line => /^ +at /.test(line) && !line.includes("node:"))
    .slice(0, shownFrames)
    .map(line => line.trim()),
  ...(thrown.cause instanceof Error ? describeThrown(thrown.cause) : []),
];

/** `printed` is what the file wrote as errors, which says more than node does where its process ended. */
function describeError({ cause, message, exitCode, signal }, printed) {
  if (exitCode !== undefined) return [`its process ended with ${signal ?? `exit code ${exitCode}`}`, ...printed];
  return cause instanceof Error ? describeThrown(cause) : cut(String(cause ?? message).split("\n"));
}

export default async function* writeFailedTests(events) {
  const printed = new Map();
  // The names of a test and of those around it. Node tells of starts and ends in the order of the files, whichever run at once.
  let path = [];
  for await (const { type, data } of events) {
    if (type === "test:stderr") {
      printed.set(data.file, [...(printed.get(data.file) ?? []), data.message.trimEnd()].slice(-shownLines));
    } else if (type === "test:start") {
      path = [...path.slice(0, data.nesting), data.name];
    } else if (type === "test:diagnostic" && /asynchronous activity after the test ended/.test(data.message)) {
      yield `${data.message}\n`; // It names the file that fails by it.
    } else if (type === "test:fail" && data.todo === undefined) {
      const { error } = data.details;
      if (error.failureType === "subtestsFailed") continue;
      const isFile = error.exitCode !== undefined;
      const place = [relative(process.cwd(), data.file ?? ""), ...(isFile ? [] : path)].filter(Boolean).join(" > ");
      const lines = describeError(error, printed.get(data.file) ?? []);
      yield `${place}\n${lines.map(line => `    ${line}`.trimEnd()).join("\n")}\n`;
    }
  }
}
