// koffi, which calls functions of shared libraries, with stacks that are large enough. It runs a call on a block of its own, of
// 128 KiB where the call is off the event loop; a compiler that needs more overwrites other memory or dies without a word.

import koffi from "koffi";

const stackBytes = 16 * 2 ** 20;

try {
  koffi.config({ ...koffi.config(), sync_stack_size: stackBytes, async_stack_size: stackBytes });
} catch {
  // A program that embeds this one has loaded a library already, and with that the sizes stand.
}

/** Whether a call off the event loop has the stack that a thread usually has. */
export const hasLargeStacks: boolean = koffi.config().async_stack_size! >= stackBytes;

export { koffi };
