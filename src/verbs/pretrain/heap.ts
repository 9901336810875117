// Gives back the memory of JavaScript objects that are no longer needed. A training run allocates so little after it has compiled
// its programs that V8 would keep what compiling left, tens of MiB, for the whole run.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects garbage now, all of it. For places that have just thrown much away and then live long. */
export function collectGarbage(): void {
  // The only way to V8's collector in a process that was started without the flag.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  collect();
}
