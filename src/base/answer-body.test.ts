// A server's answer within its bounds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readBodyText } from "./answer-body.ts";

test("who hangs is waited for no longer than is bearable", async () => {
  const silent = new Response(new ReadableStream({ start: controller => controller.enqueue(new Uint8Array(3)) }));
  await assert.rejects(readBodyText(silent, { mostBytes: 10, idleSeconds: 0.05 }), /nothing came for 0.05 seconds/);
});
