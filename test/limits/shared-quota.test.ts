// Several processes that count for the same limits, with a primary between them, in one process and by one clock.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RouteConfig } from '../../src/config/route-config.ts';
import type { Quota } from '../../src/limits/quota.ts';
import { QuotaLedger } from '../../src/limits/quota-ledger.ts';
import { type QuotaReport, QuotaReports } from '../../src/limits/quota-reports.ts';
import { QuotaTable } from '../../src/limits/quota-table.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { rateLimitsOf } from '../../src/limits/rate-limits.ts';
import { SharedQuota } from '../../src/limits/shared-quota.ts';
import { eventually } from '../support/eventually.ts';

function routeWith(perSecond: number, burst: number): RouteConfig {
  return {
    name: 'voice',
    match: { path: '/*', host: undefined, headers: new Map(), listener: undefined },
    stripPrefix: undefined,
    upstream: 'voice',
    grpcWeb: undefined,
    limits: [
      {
        kind: 'rate',
        count: 'calls',
        direction: 'both',
        rate: { count: perSecond, periodMs: 1000 },
        burst,
        by: [{ kind: 'client' }],
        exceed: 'refuse',
      },
    ],
  };
}

interface Fleet {
  readonly quotas: readonly Quota[];
  readonly ledger: QuotaLedger;
  readonly pass: (ms: number) => void;
  /** Carries all reports and answers, until there are none. */
  readonly exchange: () => Promise<void>;
  /** Stops carrying reports. */
  readonly cut: () => void;
  /** As the timers of the processes do. */
  readonly tellAll: () => void;
  readonly reload: (route: RouteConfig) => void;
  /** A worker dies, and another takes its place. */
  readonly replace: (index: number) => void;
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function fleet(t: TestContext, workers: number, first: RouteConfig): Fleet {
  let nowMs = 1000;
  const now = (): number => nowMs;
  let route = first;
  const line = { isCut: false };
  const ledger = new QuotaLedger(now);
  ledger.use([route]);
  const inFlight: (() => void)[] = [];
  const begin = (): { source: Quotas; quota: Quota } => {
    const source = new Quotas(now);
    t.after(() => source.close());
    source.reports.connect((report: QuotaReport) => {
      inFlight.push(() => source.reports.answered(ledger.add(source, structuredClone(report))));
    }, workers);
    const [limit] = rateLimitsOf(route);
    return { source, quota: source.quotaOf(limit) };
  };
  const members = Array.from({ length: workers }, begin);
  return {
    get quotas() {
      return members.map(({ quota }) => quota);
    },
    ledger,
    pass: (ms) => {
      nowMs += ms;
    },
    exchange: async () => {
      do {
        await turn();
        if (!line.isCut) for (const carry of inFlight.splice(0)) carry();
        await turn();
      } while (inFlight.length > 0 && !line.isCut);
    },
    cut: () => {
      line.isCut = true;
    },
    tellAll: () => {
      for (const { source } of members) source.reports.tellAll();
    },
    reload: (next) => {
      route = next;
      ledger.use([next]);
      for (const { source } of members) source.use([next]);
    },
    replace: (index) => {
      members[index] = begin();
    },
  };
}

/** Makes one call as the policy does. @returns whether it is admitted */
async function call(quota: Quota, exchange: () => Promise<void>): Promise<boolean> {
  if (!quota.knows('client', 1)) {
    const known = Promise.withResolvers<void>();
    quota.learn('client', 1, known.resolve);
    await exchange();
    await known.promise;
  }
  return quota.take('client', 1) === 0;
}

test('a client whose connection is in one of four processes has the whole burst at once, and then the whole rate', async (t) => {
  const { quotas, exchange, pass } = fleet(t, 4, routeWith(100, 200));
  let admitted = 0;
  for (let calls = 0; calls < 400; calls++) if (await call(quotas[0], exchange)) admitted++;
  assert.equal(admitted, 200);
  for (let step = 0; step < 100; step++) {
    pass(10);
    for (let calls = 0; calls < 3; calls++) if (await call(quotas[0], exchange)) admitted++;
  }
  assert.equal(admitted, 300);
});

test('a client with connections in all processes gets at most the shares of the others beyond the limit, and pays them back', async (t) => {
  const workers = 4;
  const burst = 200;
  const { quotas, exchange, pass } = fleet(t, workers, routeWith(100, burst));
  let admitted = 0;
  const storm = async (): Promise<void> => {
    // No message is carried while all of them are asked: the worst case.
    for (const quota of quotas)
      for (let calls = 0; calls < 300; calls++)
        if (quota.knows('client', 1) && quota.take('client', 1) === 0) admitted++;
    await exchange();
  };
  await storm();
  assert.equal(admitted, burst, 'each had a fourth');
  await storm();
  assert.ok(admitted <= burst + ((workers - 1) * burst) / workers, `${admitted} at once`);
  for (let step = 0; step < 600; step++) {
    pass(100);
    await storm();
  }
  const fair = burst + 60 * 100;
  assert.ok(admitted <= fair + ((workers - 1) * burst) / workers, `${admitted} of ${fair} in a minute`);
  assert.ok(admitted >= fair * 0.98, `${admitted} of ${fair} in a minute`);
});

test('a burst smaller than the number of processes lets each have one call before they know of each other', async (t) => {
  const workers = 8;
  const burst = 2;
  const { quotas, exchange } = fleet(t, workers, routeWith(1, burst));
  let admitted = 0;
  for (const quota of quotas) if (quota.knows('client', 1) && quota.take('client', 1) === 0) admitted++;
  assert.equal(admitted, workers);
  await exchange();
  for (let round = 0; round < 3; round++)
    for (const quota of quotas) if (await call(quota, exchange)) admitted++;
  assert.ok(admitted <= burst + workers - 1, `${admitted}`);
});

test('the death of a process loses what it had not told, at most its share', async (t) => {
  const workers = 4;
  const burst = 200;
  const all = fleet(t, workers, routeWith(1, burst));
  let admitted = 0;
  const storm = async (): Promise<void> => {
    for (let calls = 0; calls < 2 * burst; calls++) if (await call(all.quotas[0], all.exchange)) admitted++;
  };
  for (let deaths = 0; deaths < 10; deaths++) {
    await storm();
    all.replace(0);
  }
  assert.ok(admitted >= burst, `${admitted}`);
  // Each new process may use its share once before it learns that nothing is left, and then it has told.
  assert.ok(admitted <= burst + (10 * burst) / workers, `${admitted}`);
  await storm();
  const before = admitted;
  await storm();
  assert.equal(admitted, before, 'the debt is remembered');
});

test('a call does not wait longer than it may when the primary does not answer; others do not wait, and have a share of the rate', async (t) => {
  const { quotas, exchange, cut, pass } = fleet(t, 2, routeWith(10, 10));
  cut();
  const [quota] = quotas;
  for (let calls = 0; calls < 5; calls++) assert.equal(quota.take('client', 1), 0);
  assert.equal(quota.knows('client', 1), false);
  const known = Promise.withResolvers<void>();
  quota.learn('client', 1, known.resolve);
  await known.promise;
  await exchange();
  assert.equal(quota.knows('client', 1), true, 'it decides by what it knows itself');
  assert.ok(quota.take('client', 1) > 0, 'beyond its share there is nothing');
  let admitted = 0;
  for (let step = 0; step < 1000; step++) {
    pass(10);
    if (quota.take('client', 1) === 0) admitted++;
  }
  assert.ok(admitted >= 49 && admitted <= 50, `${admitted} in 10 s`);
});

test('calls of which each process has few are counted together, too', async (t) => {
  const workers = 4;
  const all = fleet(t, workers, routeWith(100, 200));
  let admitted = 0;
  // Each process has 80 calls per second, which is less than the rate, and they never come in a burst.
  for (let ms = 0; ms < 60_000; ms += 12.5) {
    all.pass(12.5);
    for (const quota of all.quotas) if (await call(quota, all.exchange)) admitted++;
    if (ms % 250 === 0) {
      all.tellAll();
      await all.exchange();
    }
  }
  const fair = 200 + 60 * 100;
  assert.ok(admitted <= fair + ((workers - 1) * 200) / workers, `${admitted} of ${fair}`);
  assert.ok(admitted >= fair * 0.97, `${admitted} of ${fair}`);
});

test('what little a process has let pass is known to the others before long', async (t) => {
  const { quotas, exchange } = fleet(t, 2, routeWith(1, 100));
  for (let calls = 0; calls < 3; calls++) assert.equal(quotas[0].take('client', 1), 0);
  await eventually('the other process knows', async () => {
    quotas[1].learn('client', 1, () => undefined);
    await exchange();
    return quotas[1].left('client') === 97;
  });
});

test('what is told late is counted as of its time', async (t) => {
  const { quotas, exchange, pass, tellAll } = fleet(t, 2, routeWith(100, 40));
  pass(10_000);
  // Each call is given back long before the next.
  for (let calls = 0; calls < 9; calls++) {
    pass(26);
    assert.equal(quotas[0].take('client', 1), 0);
  }
  tellAll();
  await exchange();
  assert.ok(quotas[0].left('client') >= 39, `${quotas[0].left('client')} of 40`);
});

test('a client within the rate is never refused, however its calls are spread', async (t) => {
  const all = fleet(t, 4, routeWith(100, 40));
  let refused = 0;
  for (let made = 0; made < 6000; made++) {
    all.pass(10.5);
    if (!(await call(all.quotas[(made * 7) % 4], all.exchange))) refused++;
    if (made % 24 === 0) {
      all.tellAll();
      await all.exchange();
    }
  }
  assert.equal(refused, 0);
});

test('a wait that was ended is not told of the answer', async (t) => {
  const { quotas, exchange } = fleet(t, 2, routeWith(1, 10));
  let told = 0;
  const stop = quotas[0].learn('client', 1, () => {
    told++;
  });
  quotas[0].learn('client', 1, () => {
    told += 10;
  });
  stop();
  await exchange();
  assert.equal(told, 10);
});

test('a reload that changes the rate keeps what was used, in all processes', async (t) => {
  const { quotas, exchange, reload, pass } = fleet(t, 2, routeWith(10, 100));
  const storm = async (): Promise<number> => {
    let admitted = 0;
    for (let calls = 0; calls < 400; calls++) if (await call(quotas[calls % 2], exchange)) admitted++;
    return admitted;
  };
  assert.ok((await storm()) <= 150);
  reload(routeWith(50, 100));
  assert.equal(await storm(), 0, 'nothing is given by the reload');
  pass(1000);
  const admitted = await storm();
  assert.ok(admitted <= 50 + 50, `${admitted}: the rate, and one share`);
  pass(10_000);
  assert.ok((await storm()) >= 100, 'nothing is lost');
});

test('a process whose limit the primary does not know goes on by itself', async (t) => {
  const { quotas, exchange, ledger } = fleet(t, 2, routeWith(1, 10));
  ledger.use([]);
  let admitted = 0;
  for (let calls = 0; calls < 30; calls++) if (await call(quotas[0], exchange)) admitted++;
  assert.equal(admitted, 10);
});

test('what one limit gives back can be taken again', (t) => {
  const { quotas } = fleet(t, 1, routeWith(1, 2));
  const [quota] = quotas;
  assert.equal(quota.take('client', 1), 0);
  assert.equal(quota.take('client', 1), 0);
  assert.ok(quota.take('client', 1) > 0);
  quota.giveBack('client', 1);
  assert.equal(quota.left('client'), 1);
  assert.equal(quota.take('client', 1), 0);
});

test('whatever the order of calls and messages, no more is admitted than the limit and the shares of the other processes', async (t) => {
  for (let seed = 0; seed < 60; seed++) await judgeAtRandom(t, seed);
});

async function judgeAtRandom(t: TestContext, seed: number): Promise<void> {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const workers = 2 + random(6);
  const burst = 1 + random(100);
  const perSecond = 1 + random(200);
  const all = fleet(t, workers, routeWith(perSecond, burst));
  const most = burst + (workers - 1) * Math.max(1, Math.floor(burst / workers));
  /** Of one exact bucket that counts what all of them admit. */
  let level = 0;
  for (let step = 0; step < 400; step++) {
    const ms = random(4) === 0 ? random(400) : random(5);
    all.pass(ms);
    level = Math.max(0, level - (ms * perSecond) / 1000);
    if (random(10) === 0) all.tellAll();
    if (random(3) > 0) await all.exchange();
    const quota = all.quotas[random(workers)];
    for (let calls = random(30); calls > 0; calls--)
      if (quota.knows('client', 1) && quota.take('client', 1) === 0) level++;
    assert.ok(level <= most + 1e-6, `seed ${seed}: ${level} of ${most}`);
  }
}

/** A clock that stands still. */
const always = (): number => 1000;

test('what is given back to a count that keys share can be taken again, and is left, also for keys that clients make up', () => {
  for (const client of [undefined, '192.0.2.1']) {
    const table = new QuotaTable({ allowance: { perMs: 0.001, burst: 3 }, now: always, most: 2 });
    const quota = new SharedQuota('voice', table, new QuotaReports(always));
    for (const key of ['a', 'b', 'c', 'c']) assert.equal(quota.take(key, 1, client), 0);
    const before = quota.left('c', client);
    quota.giveBack('c', 1, client);
    assert.equal(quota.left('c', client), before + 1);
    for (let taken = 0; taken <= before; taken++) assert.equal(quota.take('c', 1, client), 0);
    assert.ok(quota.take('c', 1, client) > 0);
    assert.equal(quota.left('c', client), 0);
  }
});

test('a process knows no more of a count that keys share than of others', () => {
  const reports = new QuotaReports(always);
  reports.connect(() => undefined, 4);
  const table = new QuotaTable({ allowance: { perMs: 0.001, burst: 8 }, now: always, most: 2 });
  const quota = new SharedQuota('voice', table, reports);
  for (const key of ['a', 'b', 'c', 'c']) assert.equal(quota.take(key, 1), 0);
  assert.equal(quota.knows('c', 1), false);
  reports.close();
});

test('what a process may let pass before the primary knows follows the burst, and the number of processes', () => {
  const table = new QuotaTable({ allowance: { perMs: 0.1, burst: 200 }, now: () => 1000 });
  const reports = new QuotaReports(() => 1000);
  reports.connect(() => undefined, 4);
  const quota = new SharedQuota('voice', table, reports);
  const share = (key: string): number => {
    let calls = 0;
    while (calls < 1000 && quota.take(key, 1) === 0) calls++;
    return calls;
  };
  assert.equal(share('a'), 50);
  reports.processes = 2;
  assert.equal(share('b'), 100);
  quota.change({ perMs: 0.1, burst: 80 });
  assert.equal(share('c'), 40);
});
