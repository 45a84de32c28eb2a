// A change of configuration in two steps: every part first does everything that can fail, and only then are all parts committed
// together, or all discarded. Each part of the proxy that takes part prepares one `Change`.

import type { Finding } from './problem.ts';
import { UnusableConfig } from './unusable-config.ts';

/** A prepared change. Exactly one of its two methods is called, once. */
export interface Change {
  /**
   * Puts the change into effect and cannot fail. This process has changed over by the time the method returns; a returned
   * promise settles when the other processes have.
   */
  commit(): void | Promise<void>;
  /** Releases what was prepared and leaves everything as it was. */
  discard(): void | Promise<void>;
}

/** The change for a part of the configuration that stays the same. */
export const NO_CHANGE: Change = { commit() {}, discard() {} };

/** Prepares one part. Rejects with UnusableConfig if the configuration cannot be used; nothing has changed in that case. */
export type Prepare<Prepared extends Change> = () => Prepared | Promise<Prepared>;

/**
 * Prepares parts one after the other and continues after a failure, so that one attempt finds everything that is wrong.
 * `fail` discards what was prepared and rejects: with UnusableConfig, or with the first error that is not the configuration's fault.
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

/** @returns one change for all parts; it commits them in this order within one event-loop turn */
export async function prepareAll(parts: Iterable<Prepare<Change>>): Promise<Change> {
  const preparation = new Preparation();
  for (const part of parts) await preparation.prepare(part);
  return preparation.hasFailed ? preparation.fail() : preparation.whole;
}

/** Does the same as `prepareAll` for two parts whose changes the caller needs one by one. */
export async function prepareBoth<One extends Change, Other extends Change>(
  prepareOne: Prepare<One>,
  prepareOther: Prepare<Other>,
): Promise<readonly [One, Other]> {
  const preparation = new Preparation();
  const one = await preparation.prepare(prepareOne);
  const other = await preparation.prepare(prepareOther);
  return one === undefined || other === undefined ? preparation.fail() : [one, other];
}
