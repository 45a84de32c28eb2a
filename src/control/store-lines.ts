// What the log says of the stores of shared limits. A store that comes and goes does not fill the log.

import type { StoreConfig } from '../config/stores-config.ts';
import { describeWithoutStore } from '../diagnosis/store-answer.ts';
import type { Logger } from '../observability/logger.ts';
import { LineBudget } from '../plane/line-budget.ts';

/** Of one store and kind. */
const LINES_IN_A_MINUTE = 10;
/** Of one limit and reason. */
const FAILURES_IN_A_MINUTE = 1;

export interface StoreDetails {
  readonly store: string;
  readonly servers: string;
  readonly failure: StoreConfig['failure'];
}

/** Why a store does not answer, as the log has it. */
export interface StoreFault {
  readonly reason: string;
  readonly remedy?: string;
  readonly token: string;
  readonly code: string;
}

export class StoreLines {
  readonly #logger: Pick<Logger, 'info' | 'warn'>;
  readonly #budget = new LineBudget(LINES_IN_A_MINUTE);
  readonly #failures = new LineBudget(FAILURES_IN_A_MINUTE);

  constructor(logger: Pick<Logger, 'info' | 'warn'>) {
    this.#logger = logger;
  }

  /** @param processes that share the store. @param isAgain whether it has failed before */
  up(store: string, processes: number, isAgain: boolean): void {
    if (!isAgain) {
      this.#logger.info({ store, processes }, 'the store of shared limits answers');
      return;
    }
    const more = leftOut(this.#budget.spend(`up ${store}`));
    if (more !== undefined)
      this.#logger.info({ store, processes, ...more }, 'the store answers again; shared limits hold');
  }

  down(details: StoreDetails, why: StoreFault): void {
    const more = leftOut(this.#budget.spend(`down ${details.store}`));
    if (more === undefined) return;
    this.#logger.warn(
      { ...details, ...why, ...more },
      `the store of shared limits does not answer: ${describeWithoutStore(details.failure)}`,
    );
  }

  /** @param details `keys` is a pattern of the keys of one limit in the store */
  failed(details: StoreDetails & { readonly keys: string }, reason: string): void {
    const more = leftOut(this.#failures.spend(`${reason} ${details.store} ${details.keys}`));
    if (more === undefined) return;
    this.#logger.warn(
      { ...details, reason, ...more },
      'the store has failed a question about a limit: until it answers one, that limit holds as it does without the store',
    );
  }
}

/** @returns undefined if the line itself is to be left out */
function leftOut(lines: number | undefined): { readonly leftOut?: number } | undefined {
  if (lines === undefined) return undefined;
  return lines === 0 ? {} : { leftOut: lines };
}
