// What limits that several machines share cost a call: CPU time of a process that makes 10,000 calls a second, with a quota of leases from
// a real redis-server and without one, by turns. Run: node bench/leases.ts [--seconds N]

import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { forkCommand } from '../src/control/fork-command.ts';
import { StoreWatch } from '../src/control/store-watch.ts';
import { LeaseDesk } from '../src/limits/lease-desk.ts';
import { turnNowMs } from '../src/transport/turn-clock.ts';
import { findRedis, startRedis, stopRedis } from '../test/stores/real/redis-programs.ts';
import { eventually } from '../test/support/eventually.ts';
import { freePort } from '../test/support/free-port.ts';
import { storeConfig } from '../test/support/store-config.ts';

const CALLS_PER_SECOND = 10_000;
/** How many keys the calls have in turn. */
const NUMBERS_OF_KEYS = [1, 100];
const ROUNDS = 5;
/** Before it counts: V8 compiles what carries the questions only after a while. */
const WARM_UP_MS = 6_000;

interface Orders {
  readonly port: number;
  readonly keyCount: number;
  readonly isLimited: boolean;
  readonly seconds: number;
}

interface Outcome {
  readonly calls: number;
  readonly refused: number;
  readonly cpuUs: number;
}

function ignore(): undefined {
  return undefined;
}

/** The process that is measured: it carries calls and passes on questions, as a proxy with `workers: 1` does. */
async function measure({ port, keyCount, isLimited, seconds }: Orders): Promise<Outcome> {
  const keys = Array.from({ length: keyCount }, (_, index) => `10.0.0.${index}`);
  const desk = new LeaseDesk({ now: turnNowMs });
  let isUp = false;
  const watch = new StoreWatch({
    publish: (state) => {
      isUp = state.isUp;
      desk.storeChanged(state);
    },
    logger: { info: ignore, warn: ignore, error: ignore },
    diagnoses: { record: ignore },
    carriers: () => 1,
    fork: () => forkCommand('take-leases'),
  });
  desk.askBy((ask) => watch.ask(ask, (answer) => desk.answered(answer)));
  const store = storeConfig({ servers: [{ host: '127.0.0.1', port }], prefix: 'bench' });
  await (await watch.prepare([store])).commit();
  await eventually('the store answers', () => isUp, 30_000);
  const terms = {
    ratePerSecond: (2 * CALLS_PER_SECOND) / keyCount,
    burst: (2 * CALLS_PER_SECOND) / keyCount,
  };
  const quota = desk.quotaFor({ store: 'fleet', limit: 'calls', ...terms });
  let checksum = 0;
  const call = async (durationMs: number): Promise<Outcome> => {
    let [calls, refused] = [0, 0];
    const startedAtMs = performance.now();
    const before = process.cpuUsage();
    while (performance.now() - startedAtMs < durationMs) {
      await wait(1);
      const due = ((performance.now() - startedAtMs) * CALLS_PER_SECOND) / 1000;
      for (; calls < due; calls++) {
        const key = keys[calls % keyCount];
        checksum += key.length;
        // A proxy reads this clock for each call, whatever its limits are.
        checksum += turnNowMs();
        if (isLimited && quota.take(key, 1) > 0) refused++;
      }
    }
    const { user, system } = process.cpuUsage(before);
    return { calls, refused, cpuUs: user + system };
  };
  await call(WARM_UP_MS);
  const outcome = await call(seconds * 1000);
  await watch.close();
  if (checksum === 0) throw new Error('no call was made');
  return outcome;
}

async function measured(orders: Orders): Promise<Outcome> {
  const child: ChildProcess = fork(import.meta.filename, [JSON.stringify(orders)]);
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  child.once('message', (outcome: Outcome) => resolve(outcome));
  return await promise;
}

async function compare(seconds: number): Promise<void> {
  const missing = findRedis();
  if (missing !== undefined) {
    console.log(`skipped: ${missing}`);
    return;
  }
  const port = await freePort();
  const redis = await startRedis(port);
  for (const keyCount of NUMBERS_OF_KEYS) await compareKeys(port, keyCount, seconds);
  await stopRedis(redis);
}

async function compareKeys(port: number, keyCount: number, seconds: number): Promise<void> {
  const differences: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const without = await measured({ port, keyCount, isLimited: false, seconds });
    const limited = await measured({ port, keyCount, isLimited: true, seconds });
    const [base, cost] = [without, limited].map(({ cpuUs, calls }) => cpuUs / calls);
    differences.push(cost - base);
    const texts = [base, cost, cost - base].map((us) => us.toFixed(3));
    console.log(
      `us a call without, with, difference: ${texts.join(' ')}; refused ${limited.refused} of ${limited.calls}`,
    );
  }
  differences.sort((one, other) => one - other);
  console.log(
    `median difference: ${differences[Math.floor(ROUNDS / 2)].toFixed(3)} us a call with ${keyCount} keys`,
  );
}

const [, , orders, seconds = '5'] = process.argv;
if (orders?.startsWith('{')) {
  const outcome = await measure(JSON.parse(orders));
  process.send?.(outcome, () => process.exit(0));
} else {
  await compare(orders === '--seconds' ? Number(seconds) : 5);
  process.exit(0);
}
