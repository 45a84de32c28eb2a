import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsReading } from '../../src/cli/metrics-reading.ts';

test('samples are read with their labels, and what is none is left out', () => {
  const reading = new MetricsReading(
    ['# HELP a x', 'a{b="c",d="e\\"\\n"} 5', 'a 2', 'a{b=c} 7', 'a{} x', 'no sample'].join('\n'),
    0,
  );
  assert.deepEqual(
    reading.of('a').map(({ labels, value }) => [Object.fromEntries(labels), value]),
    [
      [{ b: 'c', d: 'e"\n' }, 5],
      [{}, 2],
      [{}, 7],
    ],
  );
  assert.equal(reading.sum('a'), 14);
});

test('what stands where a label should is not searched for labels', () => {
  for (const [labels, found] of [
    ['aaa', 0],
    ['a="1",?b="2"', 1],
    [' a="1"', 0],
    ['a="1" b="2"', 0],
    ['a="1",b="2', 1],
  ] as const) {
    const [sample] = new MetricsReading(`m{${labels}} 1`, 0).of('m');
    assert.equal(sample?.labels.size, found, labels);
  }
});

test('a line that is longer than any of Framegate is no sample', () => {
  assert.deepEqual(new MetricsReading(`m{a="${'a'.repeat(70_000)}"} 1`, 0).of('m'), []);
});
