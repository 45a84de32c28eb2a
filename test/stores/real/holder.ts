// A process that shares a limit: it offers calls at a steady rate, and reports how many were admitted, and how long one has waited for the
// store at most. It takes its leases as a proxy with one process does.

import type { StoreConfig } from '../../../src/config/stores-config.ts';
import { forkCommand } from '../../../src/control/fork-command.ts';
import { StoreWatch } from '../../../src/control/store-watch.ts';
import { LeaseDesk } from '../../../src/limits/lease-desk.ts';

export interface HolderOrders {
  readonly store: StoreConfig;
  readonly ratePerSecond: number;
  readonly burst: number;
  /** How many calls are offered in a second. */
  readonly offered: number;
}

export interface HolderReport {
  readonly admitted: number;
  readonly refused: number;
  readonly longestWaitMs: number;
  /** By how much the event loop was late at most, which waits include. */
  readonly latestMs: number;
  readonly isUp: boolean;
  readonly holders: number;
}

function ignore(): undefined {
  return undefined;
}

function run({ store, ratePerSecond, burst, offered }: HolderOrders): void {
  const desk = new LeaseDesk();
  desk.use([store]);
  let state = { isUp: false, holders: 0 };
  const watch = new StoreWatch({
    publish: (next) => {
      state = next;
      desk.storeChanged(next);
    },
    logger: { info: ignore, warn: ignore, error: ignore },
    diagnoses: { record: ignore },
    carriers: () => 1,
    fork: () => forkCommand('take-leases'),
  });
  desk.askBy((ask) => watch.ask(ask, (answer) => desk.answered(answer)));
  const quota = desk.quotaFor({ store: store.name, limit: 'shared', ratePerSecond, burst });
  const counts = { admitted: 0, refused: 0, longestWaitMs: 0, latestMs: 0 };
  const decide = (arrivedAtMs: number): void => {
    if (quota.take('all', 1) === 0) counts.admitted++;
    else counts.refused++;
    counts.longestWaitMs = Math.max(counts.longestWaitMs, performance.now() - arrivedAtMs);
  };
  void watch.prepare([store]).then((change) => change.commit());
  let startedAtMs = 0;
  let made = 0;
  let lastMs = 0;
  const offer = (): void => {
    const nowMs = performance.now();
    counts.latestMs = Math.max(counts.latestMs, nowMs - lastMs - 1);
    lastMs = nowMs;
    const due = Math.floor(((nowMs - startedAtMs) * offered) / 1000);
    for (; made < due; made++) {
      const arrivedAtMs = performance.now();
      if (quota.knows('all', 1)) decide(arrivedAtMs);
      else quota.learn('all', 1, () => decide(arrivedAtMs));
    }
  };
  process.on('message', (message) => {
    if (message === 'begin') {
      startedAtMs = performance.now();
      lastMs = startedAtMs;
      setInterval(offer, 1);
    } else if (message === 'report')
      process.send?.({ ...counts, isUp: state.isUp, holders: state.holders } satisfies HolderReport);
    else if (message === 'end') void watch.close().then(() => process.exit(0));
  });
  process.once('disconnect', () => process.exit(0));
}

run(JSON.parse(process.argv[2]));
