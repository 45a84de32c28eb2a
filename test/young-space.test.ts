import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { NODE_FLAGS, withNodeFlags } from '../src/workers/node-flags.ts';

const main = join(import.meta.dirname, '../src/main.ts');
/** Makes objects of which many survive collections, so that the space for young objects grows as far as it may. */
const SAY_SIZE = `
import { getHeapSpaceStatistics } from 'node:v8';
process.on('exit', () => {
  let kept = [];
  for (let count = 0; count < 300_000; count++) {
    kept.push({ count, more: [count] });
    if (kept.length > 60_000) kept = [];
  }
  const space = getHeapSpaceStatistics().find((one) => one.space_name === 'new_space');
  console.log(JSON.stringify({ size: space.space_size / 2 ** 20 }));
});
`;

interface Started {
  readonly flags: readonly string[];
  readonly options?: string;
}

/** The size of the young space in MiB, of which one half is in use at a time. */
function youngSpace({ flags, options = '' }: Started): number {
  const preload = `data:text/javascript,${encodeURIComponent(SAY_SIZE)}`;
  const { stdout } = spawnSync(process.execPath, [...flags, `--import=${preload}`, main, '--version'], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: options },
  });
  const told: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  assert.ok(typeof told === 'object' && told !== null && 'size' in told && typeof told.size === 'number');
  return told.size / 2;
}

test('the space for young objects grows to 4 MiB with the flags of the unit, and not at all without them', () => {
  assert.equal(youngSpace({ flags: NODE_FLAGS }), 4);
  assert.equal(youngSpace({ flags: [] }), 1);
});

test('a size that the operator has given stays', () => {
  assert.equal(youngSpace({ flags: ['--max_semi_space_size=2'] }), 2);
  assert.equal(youngSpace({ flags: [], options: '--max-semi-space-size=2' }), 2);
  assert.deepEqual(withNodeFlags(['--max_semi_space_size=2', '--inspect=0']), [
    '--max_semi_space_size=2',
    '--inspect=0',
    '--disable-sigusr1',
  ]);
  assert.deepEqual(withNodeFlags([]), NODE_FLAGS);
});
