// Limits in words, as metrics, records and the dashboard have them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CountedThing, limitLabel, type RouteLimitConfig } from '../../src/config/limits-config.ts';
import { parseSize, sizeText } from '../../src/config/units.ts';

test('sizes in the words of a limit are written as in a file', () => {
  for (const [size, text] of [
    [32_768, '32KiB'],
    [1_048_576, '1MiB'],
    [1_073_741_824, '1GiB'],
    [1_000_000, '1000000'],
    [1, '1'],
  ] as const) {
    const limits: readonly (readonly [RouteLimitConfig, string])[] = [
      [rate('bytes', size), `bytes ${text}/s by stream`],
      [{ kind: 'messageSize', bytes: size, direction: 'request' }, `messageSize ${text} of request`],
      [{ kind: 'bodySize', bytes: size }, `bodySize ${text}`],
    ];
    for (const [limit, label] of limits) assert.equal(limitLabel(limit), label);
    assert.equal(parseSize(sizeText(size)), size);
  }
});

test('calls and messages are counted, and have no unit of bytes', () => {
  assert.equal(limitLabel(rate('calls', 1024)), 'calls 1024/s by stream');
  assert.equal(limitLabel(rate('messages', 32_768)), 'messages 32768/s by stream');
});

function rate(count: CountedThing, amount: number): RouteLimitConfig {
  const by = [{ kind: 'stream' }] as const;
  const rated = { count: amount, periodMs: 1000 } as const;
  return { kind: 'rate', count, direction: 'both', rate: rated, burst: amount, by, exceed: 'slow' };
}
