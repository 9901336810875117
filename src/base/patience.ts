// Trying again what may succeed later. The wait doubles from try to try, and half of it is drawn by lot, so that machines that were
// refused together do not come back together. A server that says when to come back is believed.

import { UserError } from "./errors.ts";
import { countOf } from "./printable.ts";

/** A failure that may pass: a refusal for now, silence, a connection that broke. */
export class PassingFailure extends UserError {
  /** What the server asked for. */
  readonly afterSeconds: number | undefined;

  constructor(
    code: `E_${string}`,
    message: string,
    advice: string,
    options: { cause?: unknown; afterSeconds?: number | undefined } = {},
  ) {
    super(code, message, advice, options);
    this.afterSeconds = options.afterSeconds;
  }
}

export interface Patience {
  /** The first among them. */
  readonly tries: number;
  readonly firstSeconds: number;
  readonly longestSeconds: number;
  readonly wait: (seconds: number) => Promise<void>;
}

/** A minute and a half in all, and as long again where the lot falls so. */
export const patient: Patience = {
  tries: 8,
  firstSeconds: 1,
  longestSeconds: 60,
  wait: seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds)),
};

/** Some seconds: for what somebody waits for, before the work begins. */
export const hasty: Patience = { ...patient, tries: 4 };

/** A wait that a server asks for and that nobody sits through. */
const mostAskedSeconds = 600;

/** What `work` gives, once it does. Errors: whatever is no PassingFailure at once, the last of these after the last try. */
export async function tryAgain<T>(work: () => Promise<T>, { tries, wait, ...waits }: Patience): Promise<T> {
  let waited = 0;
  for (let failed = 1; ; failed++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PassingFailure)) throw error;
      const { firstSeconds, longestSeconds } = waits;
      const doubled = Math.min(longestSeconds, firstSeconds * 2 ** (failed - 1));
      const seconds = Math.max(error.afterSeconds ?? 0, doubled * (0.5 + 0.5 * Math.random()));
      if (failed >= tries || seconds > mostAskedSeconds) {
        const said =
          failed === 1 ? "" : `; tried ${failed} times in ${countOf(Math.round(waited), "second")} of waiting`;
        throw new UserError(error.code as `E_${string}`, `${error.message}${said}`, error.advice, { cause: error });
      }
      await wait(seconds);
      waited += seconds;
    }
  }
}
