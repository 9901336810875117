// The address of a dataset of the hub: hf:owner/name[/configuration][:split][@revision].

import { UserError } from "../../../base/errors.ts";

export const hubPrefix = "hf:";

export interface HubAddress {
  /** "owner/name" */
  readonly repository: string;
  /** A configuration, or a file, a folder or a pattern in the repository. */
  readonly part: string | undefined;
  readonly split: string | undefined;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/** UserError E_OPTION for what is no such address. */
export function parseHubAddress(address: string): HubAddress {
  const name = "[\\w-][\\w.-]*";
  const form = new RegExp(`^hf:(${name}/${name})(?:/([^:@]+?))?/?(?::([\\w.-]+))?(?:@([\\w./-]+))?$`);
  const [, repository, part, split, revision = "main"] = form.exec(address) ?? [];
  if (repository !== undefined) return { repository, part, split, revision };
  throw new UserError(
    "E_OPTION",
    `${address}: no address of a dataset`,
    "Write hf:owner/name, hf:owner/name/configuration, with :split or @revision at the end where it matters.",
  );
}
