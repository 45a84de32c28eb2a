// A change to another configuration, in two steps: all that can fail is done before anything changes, and then everything is put
// to use at once, or nothing. Whoever has a part in a change prepares one of these.

import type { Finding } from './problem.ts';
import { UnusableConfig } from './unusable-config.ts';

/** What has been prepared. One of the two is called, once. */
export interface Change {
  /** Puts it to use. Cannot fail. What concerns this process is done when it returns; a promise is for others. */
  commit(): void | Promise<void>;
  /** Leaves everything as it was. */
  discard(): void | Promise<void>;
}

/** For a part of a configuration that does not differ. */
export const NO_CHANGE: Change = { commit() {}, discard() {} };

/** Rejects with UnusableConfig where the configuration cannot be used, and then nothing has changed. */
export type Prepare<Prepared extends Change> = () => Prepared | Promise<Prepared>;

/**
 * Prepares one after the other, those behind a failure as well, so that everything that is wrong is found at once. Rejects
 * with UnusableConfig, or with what is no fault of the configuration; what was prepared has been discarded then.
 */
class Preparation {
  readonly #changes: Change[] = [];
  readonly #findings: Finding[] = [];
  readonly #faults: unknown[] = [];

  async prepare<Prepared extends Change>(prepare: Prepare<Prepared>): Promise<Prepared | undefined> {
    try {
      const change = await prepare();
      this.#changes.push(change);
      return change;
    } catch (error) {
      if (error instanceof UnusableConfig) this.#findings.push(...error.findings);
      else this.#faults.push(error);
      return undefined;
    }
  }

  get hasFailed(): boolean {
    return this.#findings.length > 0 || this.#faults.length > 0;
  }

  get whole(): Change {
    const changes = this.#changes;
    return {
      commit: async () => {
        await Promise.all(changes.map(async (change) => change.commit()));
      },
      discard: async () => {
        await Promise.all(changes.map(async (change) => change.discard()));
      },
    };
  }

  async fail(): Promise<never> {
    await this.whole.discard();
    throw this.#faults.length > 0 ? this.#faults[0] : new UnusableConfig(this.#findings);
  }
}

/** @returns all of them as one, committed in this order and in one turn */
export async function prepareAll(parts: Iterable<Prepare<Change>>): Promise<Change> {
  const preparation = new Preparation();
  for (const part of parts) await preparation.prepare(part);
  return preparation.hasFailed ? preparation.fail() : preparation.whole;
}

/** The same for two that are told apart. */
export async function prepareBoth<One extends Change, Other extends Change>(
  prepareOne: Prepare<One>,
  prepareOther: Prepare<Other>,
): Promise<readonly [One, Other]> {
  const preparation = new Preparation();
  const one = await preparation.prepare(prepareOne);
  const other = await preparation.prepare(prepareOther);
  return one === undefined || other === undefined ? preparation.fail() : [one, other];
}
