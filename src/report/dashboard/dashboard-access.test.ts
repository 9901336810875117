import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { checkAccessOptions, isLoopback, judgeRequest } from "./dashboard-access.ts";

const token = "0123456789abcdef";
const open = { host: "127.0.0.1", token: undefined };
const guarded = { host: "0.0.0.0", token };
const judge = (access: typeof open | typeof guarded, headers: Record<string, string>, url = "/") => {
  const judgement = judgeRequest({ headers, url }, access);
  return judgement.kind === "refused" ? judgement.status : judgement.kind;
};

test("addresses of this machine alone", () => {
  for (const host of ["127.0.0.1", "127.8.9.1", "::1", "localhost", "runs.localhost"])
    assert.ok(isLoopback(host), host);
  const others = [
    "0.0.0.0",
    "::",
    "192.168.1.2",
    "128.0.0.1",
    "example.org",
    "localhost.example.org",
    "127.0.0.1.nip.io",
    "",
  ];
  for (const host of others) assert.ok(!isLoopback(host), host);
});

test("an address that others can reach needs a token that cannot be guessed", () => {
  const refuse = (host: string, given: string | undefined) =>
    assert.throws(
      () => checkAccessOptions({ host, token: given }),
      (error: unknown) => error instanceof UserError && error.code === "E_TOKEN",
    );
  for (const host of ["0.0.0.0", "::", "192.168.1.2", "example.org", ""]) refuse(host, undefined);
  for (const weak of ["", "short", "0123456789abcde", "0123456789abcdef ", "ü".repeat(20)]) refuse("127.0.0.1", weak);
  checkAccessOptions({ host: "0.0.0.0", token });
  checkAccessOptions({ host: "::1", token: undefined });
});

test("a name that another site could have pointed here is refused", () => {
  for (const host of ["127.0.0.1:6116", "localhost:80", "localhost", "[::1]:6116"])
    assert.equal(judge(open, { host }), "allowed", host);
  const foreign = [
    "evil.example:6116",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "192.168.1.2:6116",
    "evil@127.0.0.1",
  ];
  for (const host of foreign) assert.notEqual(judge(open, { host }), "allowed", host);
  assert.equal(judge(open, {}), 400);
  assert.equal(judge(open, { host: "[:" }), 400);
});

test("another site's page may lead here, but not read", () => {
  const host = "127.0.0.1:6116";
  assert.equal(judge(open, { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" }), 403);
  assert.equal(judge(open, { host, "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" }), 403);
  assert.equal(judge(open, { host, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" }), "allowed");
  assert.equal(judge(open, { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }), "allowed");
});

test("a token is asked for, put into a cookie and known again", () => {
  const host = "192.168.1.2:6116";
  assert.equal(judge(guarded, { host }), 401);
  assert.equal(judge(guarded, { host }, "/?token=0123456789abcdee"), 401);
  assert.equal(judge(guarded, { host, authorization: `Bearer ${token}` }), "allowed");
  assert.equal(judge(guarded, { host, authorization: "Bearer x" }), 401);
  const ownName = `${hostname()}:6116`;
  assert.equal(judge(guarded, { host: ownName, authorization: `Bearer ${token}` }), "allowed");
  const greeted = judgeRequest({ headers: { host }, url: `//evil.example/?run=a%20b&token=${token}` }, guarded);
  assert.ok(greeted.kind === "greeted");
  assert.equal(greeted.location, "/?run=a+b");
  assert.match(greeted.cookie, /; HttpOnly; SameSite=Strict; Path=\/$/);
  const cookie = greeted.cookie.split(";")[0]!;
  assert.ok(!cookie.includes(token));
  assert.equal(judge(guarded, { host, cookie: `other=1; ${cookie}` }), "allowed");
  assert.equal(judge(guarded, { host, cookie: `${cookie}0` }), 401);
  // The cookie belongs to a name, so a name from elsewhere would not have it; it is refused all the same.
  assert.equal(judge(guarded, { host: "evil.example", cookie }), 403);
});
