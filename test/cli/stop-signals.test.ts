// Which signal asks for an end, and which one makes it, in this process.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STOP_SIGNALS, StopSignals } from '../../src/cli/signals.ts';
import type { LogDestination } from '../../src/observability/log-destination.ts';
import { standIn } from '../support/stand-in.ts';

test('the first signal behind a drain that was asked for otherwise says so, and the next one ends the process', async (t) => {
  const told: string[] = [];
  const exit = t.mock.method(process, 'exit', (code: number) => {
    told.push(`exit ${code}`);
  });
  const destination = standIn<LogDestination>({ flushSync: () => told.push('flushed') });
  const signals = new StopSignals(destination);
  t.after(() => {
    for (const signal of STOP_SIGNALS) process.removeAllListeners(signal);
  });
  signals.onFirstLate = (signal) => told.push(`late ${signal}`);
  signals.onSecond = (signal) => told.push(`second ${signal}`);
  signals.stop('POST /api/drain');
  assert.equal(await signals.first, 'POST /api/drain');
  process.emit('SIGTERM');
  assert.deepEqual(told, ['late SIGTERM']);
  process.emit('SIGINT');
  assert.deepEqual(told, ['late SIGTERM', 'second SIGINT', 'flushed', 'exit 1']);
  assert.equal(exit.mock.callCount(), 1);
});
