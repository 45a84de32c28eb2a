// One key of a limit in one process, with a simulated store that answers when the test lets it.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { AnnouncedTokens } from '../../src/calls/flow-limits.ts';
import type { LeaseAsk } from '../../src/config/lease-messages.ts';
import type { LeaseDesk } from '../../src/limits/lease-desk.ts';
import type { LeasedQuota, StoreLink } from '../../src/limits/leased-quota.ts';
import { SimulatedClock, SimulatedStore } from './simulated-store.ts';

export interface OneLeaseTerms {
  readonly ratePerSecond: number;
  readonly burst: number;
  readonly failure?: StoreLink['failure'];
  readonly holders?: number;
}

export class OneLease {
  readonly clock = new SimulatedClock();
  readonly store = new SimulatedStore(this.clock);
  readonly desk: LeaseDesk;
  readonly quota: LeasedQuota;
  readonly #holders: number;

  constructor(
    t: TestContext,
    { ratePerSecond, burst, failure = 'local', holders = 1 }: OneLeaseTerms,
    isUp = true,
  ) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.#holders = holders;
    this.desk = this.store.desk(holders);
    t.after(() => {
      this.desk.close();
      t.mock.timers.reset();
    });
    this.desk.use([{ name: 'fleet', failure }]);
    this.setUp(isUp);
    this.quota = this.desk.quotaFor({ store: 'fleet', limit: 'bytes', ratePerSecond, burst });
  }

  setUp(isUp: boolean): void {
    if (!isUp) this.store.failAll();
    this.desk.storeChanged({ store: 'fleet', isUp, holders: this.#holders });
  }

  /** Asks what there is to ask, and is answered. */
  askNow(): void {
    this.desk.flush();
    this.store.answerAll();
  }

  /** @returns what the next question says of the key. It stays without an answer */
  nextAsk(): LeaseAsk {
    let found: LeaseAsk | undefined;
    this.desk.askBy((ask) => {
      found = ask;
    });
    this.desk.flush();
    this.store.serve(this.desk);
    assert.ok(found !== undefined);
    return found;
  }

  /** What EndingTokens does. @returns whether the tokens were there, by what the store knows if it answers */
  takes(count: number): boolean {
    if (this.quota.take('all', count) <= 0) return true;
    for (let asks = 0; !this.quota.knows('all', count); asks++) {
      assert.ok(asks < 5, 'it has to decide at last');
      this.quota.learn('all', count, () => undefined);
      this.askNow();
    }
    return this.quota.take('all', count) <= 0;
  }

  /** Takes these, all of which are for bytes that have not come. */
  announces(count: number): AnnouncedTokens {
    assert.ok(this.takes(count));
    const announced = this.quota.announce('all', count);
    assert.ok(announced !== undefined);
    return announced;
  }

  /** @returns how many can be taken now, by so many at a time */
  takesAll(atOnce: number): number {
    let taken = 0;
    while (taken < 1e7 && this.takes(atOnce)) taken += atOnce;
    return taken;
  }
}
