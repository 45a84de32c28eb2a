// The wait for a condition itself, on a clock of the tests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './eventually.ts';

const TIMEOUT_MS = 10_000;
/** Later than the first waits, which are of another kind. */
const STOPPED_AT = [10, 100];

for (const stoppedAt of STOPPED_AT) {
  test(`what has happened while the process was not run is seen, though the time is over (probe ${stoppedAt})`, async () => {
    let nowMs = 0;
    let probes = 0;
    const probe = (): boolean => {
      // This comes during the wait after the probe. What has happened meanwhile is known only to the second probe after it.
      if (++probes === stoppedAt) setImmediate(() => (nowMs += 2 * TIMEOUT_MS));
      return probes > stoppedAt + 1;
    };
    await eventually('it is known', probe, TIMEOUT_MS, () => nowMs);
    assert.equal(nowMs, 2 * TIMEOUT_MS);
  });
}

test('a process that is not run during a probe goes on probing', async () => {
  let nowMs = 0;
  let probes = 0;
  const probe = (): boolean => {
    if (++probes === 3) nowMs += 2 * TIMEOUT_MS;
    return probes > 5;
  };
  await eventually('it is known', probe, TIMEOUT_MS, () => nowMs);
});

test('probes that take long end the wait, each by its part', async () => {
  let nowMs = 0;
  let probes = 0;
  const probe = async (): Promise<false> => {
    probes++;
    nowMs += TIMEOUT_MS;
    return false;
  };
  await assert.rejects(
    eventually('an answer', probe, TIMEOUT_MS, () => nowMs),
    /never happened: an answer/,
  );
  assert.equal(probes, 6);
});

test('what never happens ends the wait, with a sentence', async () => {
  let probes = 0;
  await assert.rejects(
    eventually('a miracle', () => ++probes < 0, 100),
    /^Error: this never happened: a miracle$/,
  );
  assert.ok(probes > 1);
});
