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
  for (let count = 0; count < 1_000_000; count++) {
    kept.push({ count, more: [count] });
    if (kept.length > 200_000) kept = [];
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

/**
 * What the space has grown to before the first line of the program runs: 1 MiB mostly, and up to 4.25 in 60 starts on a busy machine. Where
 * nothing stops it, it grows to 32 here.
 */
const MOST_BEFORE_MIB = 8;

test('the space for young objects grows to 4 MiB with the flags of the unit, and hardly without them', () => {
  const grown = youngSpace({ flags: NODE_FLAGS });
  assert.ok(grown > 2 && grown <= 4, `${grown} MiB`);
  const small = youngSpace({ flags: [] });
  assert.ok(small <= MOST_BEFORE_MIB, `${small} MiB`);
});

test('a size that the operator has given stays', () => {
  for (const given of [
    { flags: ['--max_semi_space_size=8'] },
    { flags: [], options: '--max-semi-space-size=8' },
  ]) {
    const size = youngSpace(given);
    assert.ok(size > 4 && size <= 8, `${size} MiB`);
  }
  assert.deepEqual(withNodeFlags(['--max_semi_space_size=8', '--inspect=0']), [
    '--max_semi_space_size=8',
    '--inspect=0',
    '--disable-sigusr1',
  ]);
  assert.deepEqual(withNodeFlags([]), NODE_FLAGS);
});
