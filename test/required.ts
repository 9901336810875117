// Tests of what a machine may lack are skipped there, with the reason. `npm test -- --require cuda` names what must be there: then
// those tests run whatever is missing, and fail.

export type Requirement = "cuda";

const required = (process.env.CRAM_REQUIRE ?? "").split(",");

/** For a test's `skip`: the reason why what it needs is absent, or false where it is there or was required. */
export function skipWithout(requirement: Requirement, absent: string | undefined): string | false {
  return absent === undefined || required.includes(requirement) ? false : absent;
}
