// Streams in several processes of one machine that one limit paces, with a primary process between them, and one simulated clock.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import { QuotaLedger } from '../../src/limits/quota-ledger.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { routeConfig } from '../support/route-config.ts';
import { EagerStream, rateOf } from './eager-stream.ts';

const MIB = 1_048_576;

function limitOf(count: 'messages' | 'bytes', perSecond: number, burst: number): RateLimitConfig {
  return {
    kind: 'rate',
    count,
    direction: 'request',
    rate: { count: perSecond, periodMs: 1000 },
    burst,
    by: [{ kind: 'route' }],
    exceed: 'slow',
  };
}

/** Streams in as many processes, of which others may be idle. @returns their part of the rate in ten seconds, after the burst */
async function shareOf(
  t: TestContext,
  limit: RateLimitConfig,
  processes: number,
  streams: number,
): Promise<number> {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 1000;
  const now = (): number => nowMs;
  const ledger = new QuotaLedger(now);
  ledger.use([routeConfig({ limits: [limit] })]);
  const all = Array.from({ length: processes }, () => {
    const quotas = new Quotas(now);
    t.after(() => quotas.close());
    quotas.reports.connect(
      (report) => setTimeout(() => quotas.reports.answered(ledger.add(quotas, report)), 1),
      processes,
    );
    return new EagerStream(rateOf(limit, quotas), new TokenLines(new DeadlineWheel(now)));
  }).slice(0, streams);
  const passed = (): number => all.reduce((sum, stream) => sum + stream.passed, 0);
  const run = async (durationMs: number): Promise<void> => {
    for (let ms = 0; ms < durationMs; ms++) {
      nowMs++;
      t.mock.timers.tick(1);
      // Processes tell at the end of a turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  for (const stream of all) stream.send();
  await run(3000);
  const before = passed();
  await run(10_000);
  t.mock.timers.reset();
  return (passed() - before) / (10 * limit.rate.count);
}

for (const limit of [limitOf('bytes', MIB, 1), limitOf('bytes', MIB, MIB), limitOf('messages', 60, 1)])
  test(`paced streams keep the rate in several processes: ${limit.count} with a burst of ${limit.burst}`, async (t) => {
    for (const [processes, streams] of [
      [1, 1],
      [2, 1],
      [4, 1],
      [4, 4],
      [8, 1],
      [8, 8],
    ]) {
      const share = await shareOf(t, limit, processes, streams);
      const text = `${share} of the rate with ${streams} streams in ${processes} processes`;
      assert.ok(share >= 0.97 && share <= 1.03, text);
    }
  });
