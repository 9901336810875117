import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "../../../test/free-port.ts";
import { openTcp } from "./tcp.ts";

const meetingAt = (port: number) => ({ MASTER_ADDR: "127.0.0.1", MASTER_PORT: String(port) });

test("values larger than a socket holds go from every rank to every other", { timeout: 60_000 }, async () => {
  const meeting = meetingAt(await findFreePort());
  const ranks = await Promise.all([0, 1, 2].map(rank => openTcp({ rank, size: 3 }, meeting)));
  const large = 8 * 2 ** 20;
  for (const root of [0, 1, 2]) {
    const told = ranks.map(({ rank }) => new Uint8Array(large).fill(rank + 5));
    await Promise.all(ranks.map((each, i) => each.broadcast(told[i]!, root)));
    for (const values of told) assert.deepEqual([values[0], values.at(-1)], [root + 5, root + 5]);
    const own = ranks.map(({ rank }) => new Float32Array(large / 8).fill(rank));
    const gathered = await Promise.all(ranks.map((each, i) => each.gather({ name: "own", values: own[i]! }, root)));
    assert.deepEqual([gathered[root]!.length, gathered[root]!.at(-1)], [(3 * large) / 8, 2]);
  }
  const summed = ranks.map(({ rank }) => [Float64Array.of(rank), new Float32Array(large / 4).fill(rank + 1)] as const);
  const sums = ranks.map((each, i) => each.sum(summed[i]!.map((values, n) => ({ name: `values ${n}`, values }))));
  // A barrier that is asked for meanwhile has its turn behind all of a sum.
  await Promise.all([...sums, ...ranks.map(each => each.barrier())]);
  for (const [first, second] of summed) assert.deepEqual([first[0], second.at(-1)], [3, 6]);
  await Promise.all(ranks.map(each => each.close()));
});

test("a rank whose first words come in pieces is met, and a stranger is not", { timeout: 60_000 }, async () => {
  const port = await findFreePort();
  const first = openTcp({ rank: 0, size: 2 }, meetingAt(port));
  const reach = async () => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return socket;
  };
  await sleep(200);
  const stranger = await reach();
  stranger.write("GET / HTTP/1.1\r\n");
  const rank = await reach();
  const words = Buffer.alloc(8);
  words.writeUInt32BE(0x6372616d, 0);
  words.writeUInt32BE(1, 4);
  rank.write(words.subarray(0, 3));
  await sleep(100);
  rank.write(words.subarray(3));
  const { size } = await first;
  assert.equal(size, 2);
  // It is told that it was met.
  const [answer] = (await once(rank, "data")) as [Buffer];
  assert.deepEqual(answer, words);
  for (const socket of [stranger, rank]) socket.destroy();
});
