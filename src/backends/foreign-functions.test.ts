import assert from "node:assert/strict";
import { test } from "node:test";
import { buildLibrary } from "./cpu/build.ts";
import { hasLargeStacks, koffi } from "./foreign-functions.ts";

test("a function that needs four megabytes of stack runs, on the event loop and off it", async () => {
  const source = `
    int deep(int kilobytes) {
      volatile char room[1024];
      room[0] = 1;
      return kilobytes <= 1 ? room[0] : deep(kilobytes - 1) + room[0];
    }`;
  const deep = koffi.load(await buildLibrary(source)).func("int deep(int kilobytes)");
  assert.equal(hasLargeStacks, true);
  assert.equal(deep(4096), 4096);
  const result = await new Promise((resolve, reject) => {
    deep.async(4096, (error: unknown, value: number) => (error ? reject(error) : resolve(value)));
  });
  assert.equal(result, 4096);
});
