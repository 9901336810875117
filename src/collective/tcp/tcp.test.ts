import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "../../../test/free-port.ts";
import { UserError } from "../../base/errors.ts";
import { openTcp } from "./tcp.ts";

const meetingAt = (port: number) => ({ MASTER_ADDR: "127.0.0.1", MASTER_PORT: String(port) });

test("values larger than a socket holds go from every rank to every other", { timeout: 60_000 }, async () => {
  const meeting = meetingAt(await findFreePort());
  const ranks = await Promise.all([0, 1, 2].map(rank => openTcp({ rank, size: 3 }, "runs/a", meeting)));
  assert.throws(() => ranks[0]!.refusePlaced!(), { code: "E_RANKS", message: /MPI sums between processors/ });
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
  const first = openTcp({ rank: 0, size: 2 }, "runs/a", meetingAt(port));
  const reach = async () => {
    // Until it listens.
    for (;;) {
      const socket = connect(port, "127.0.0.1");
      try {
        await once(socket, "connect");
        return socket;
      } catch {
        await sleep(20);
      }
    }
  };
  const stranger = await reach();
  stranger.write("GET / HTTP/1.1\r\n");
  const rank = await reach();
  const training = Buffer.from(JSON.stringify({ ranks: 2, run: "runs/a", start: "" }));
  const words = Buffer.concat([Buffer.alloc(12), training]);
  for (const [i, word] of [0x6372616d, 1, training.length].entries()) words.writeUInt32BE(word, 4 * i);
  rank.write(words.subarray(0, 3));
  await sleep(100);
  rank.write(words.subarray(3));
  const { size } = await first;
  assert.equal(size, 2);
  // It is told that it was met.
  let answer = Buffer.alloc(0);
  for await (const part of rank) {
    answer = Buffer.concat([answer, part]);
    if (answer.length >= words.length) break;
  }
  assert.deepEqual(answer, words);
  for (const socket of [stranger, rank]) socket.destroy();
});

test("ranks of another training at the same port are refused by name, and their own are met", async () => {
  const port = await findFreePort();
  const first = openTcp({ rank: 0, size: 2 }, "runs/a", { ...meetingAt(port), TORCHELASTIC_RUN_ID: "one" });
  const other = (size: number, run: string, start: string) =>
    openTcp({ rank: 1, size }, run, { ...meetingAt(port), TORCHELASTIC_RUN_ID: start });
  const isRefused = (theirs: RegExp) => (error: unknown) => {
    assert.ok(error instanceof UserError && error.code === "E_RANKS");
    assert.match(error.message, /another training waits for its ranks: 2 ranks of runs\/a, TORCHELASTIC_RUN_ID=one;/);
    assert.match(error.message, theirs);
    return true;
  };
  await assert.rejects(other(3, "runs/a", "one"), isRefused(/rank 1 is of 3 ranks of runs\/a/));
  await assert.rejects(other(2, "runs/b", "one"), isRefused(/rank 1 is of 2 ranks of runs\/b/));
  await assert.rejects(other(2, "runs/a", "two"), isRefused(/runs\/a, TORCHELASTIC_RUN_ID=two$/));
  const [a, b] = await Promise.all([first, other(2, "runs/a", "one")]);
  await Promise.all([a.close(), b.close()]);
});

test("who says another word first, and a second one of a number, are left, and nobody waits for them", {
  timeout: 60_000,
}, async () => {
  const port = await findFreePort();
  const first = openTcp({ rank: 0, size: 3 }, "runs/a", meetingAt(port));
  const training = Buffer.from(JSON.stringify({ ranks: 3, run: "runs/a", start: "" }));
  const greet = async (word: number, rank: number) => {
    const words = Buffer.alloc(12);
    for (const [i, value] of [word, rank, training.length].entries()) words.writeUInt32BE(value, 4 * i);
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    socket.write(Buffer.concat([words, training]));
    await new Promise(resolve => socket.resume().on("close", resolve));
  };
  const second = await openTcp({ rank: 1, size: 3 }, "runs/a", meetingAt(port));
  await Promise.all([greet(0x6372616e, 2), greet(0x6372616d, 1)]);
  const third = await openTcp({ rank: 2, size: 3 }, "runs/a", meetingAt(port));
  await Promise.all([await first, second, third].map(each => each.close()));
});
