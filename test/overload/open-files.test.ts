// How many clients the descriptors of a process are enough for.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import {
  connectionCaps,
  type Demand,
  parseOpenFilesLimit,
  readOpenFilesLimit,
  upstreamConnections,
} from '../../src/overload/open-files.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

const parsed = configOf(await proxyConfigText({}));

const AUTO = { connections: 'auto', connectionsPerAddress: 'auto' } as const;

function limitsText(soft: string): string {
  return [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max processes             96304                96304                processes ',
    `Max open files            ${soft.padEnd(20)} 1048576              files     `,
    'Max locked memory         8388608              8388608              bytes     ',
    '',
  ].join('\n');
}

test('the soft limit of open files is read', () => {
  assert.equal(parseOpenFilesLimit(limitsText('20000')), 20_000);
  assert.equal(parseOpenFilesLimit(limitsText('unlimited')), Number.POSITIVE_INFINITY);
});

test('where nobody says, few are assumed', () => {
  assert.equal(parseOpenFilesLimit('nothing of the kind'), 1024);
});

test('this process has descriptors', () => {
  assert.ok(readOpenFilesLimit() >= 64);
});

/** Upstreams by their endpoints and `connections.max`; 'auto' unless told otherwise. */
function demand(
  upstreams: readonly (readonly [endpoints: number, max: number])[],
  capacity: Partial<Demand['capacity']> = {},
): Demand {
  const { upstreams: known } = parsed;
  return {
    capacity: { ...AUTO, ...capacity },
    upstreams: upstreams.map(([endpoints, max]) => ({
      ...known[0],
      endpoints: Array.from({ length: endpoints }, () => known[0].endpoints[0]),
      connections: { ...known[0].connections, max },
    })),
  };
}

const ONE_SERVICE = [[1, 16]] as const;

test('Node has raised the soft limit to the hard one before anything of ours runs', (t) => {
  const program = "process.stdout.write(require('node:fs').readFileSync('/proc/self/limits', 'latin1'))";
  const script = 'ulimit -Sn 256 && ulimit -Hn 300 && exec "$0" --eval "$1"';
  const { stdout } = spawnSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' });
  if (stdout === '') {
    t.skip('this system has no /proc, or no such limits');
    return;
  }
  assert.equal(parseOpenFilesLimit(stdout), 300);
});

test('what upstreams can take is kept for them, twice, and no more', () => {
  assert.equal(upstreamConnections(demand(ONE_SERVICE)), 32);
  assert.equal(
    upstreamConnections(
      demand([
        [3, 16],
        [1, 1024],
      ]),
    ),
    2 * (48 + 1024),
  );
  assert.equal(connectionCaps(demand(ONE_SERVICE), 20_000).connections, 19_768);
  assert.equal(connectionCaps(demand(ONE_SERVICE), 1024).connections, 792);
});

test('however much upstreams can take, half is left for clients', () => {
  assert.equal(connectionCaps(demand([[8, 1024]]), 20_000).connections, 9900);
  assert.equal(connectionCaps(demand([[1, 1024]]), 1024).connections, 412);
});

test('even the fewest descriptors let some in, and the most no more than a million', () => {
  assert.equal(connectionCaps(demand(ONE_SERVICE), 64).connections, 16);
  assert.equal(connectionCaps(demand(ONE_SERVICE), Number.POSITIVE_INFINITY).connections, 1_000_000);
});

test('one address may have a quarter', () => {
  assert.equal(connectionCaps(demand(ONE_SERVICE), 20_000).perAddress, 4942);
  assert.equal(connectionCaps(demand(ONE_SERVICE, { connections: 10 }), 20_000).perAddress, 3);
});

test('what is configured counts, whatever the descriptors', () => {
  const configured = demand(ONE_SERVICE, { connections: 5, connectionsPerAddress: 7 });
  assert.deepEqual(connectionCaps(configured, 20_000, 4), { connections: 5, perAddress: 7 });
  const without = demand(ONE_SERVICE, { connections: 5, connectionsPerAddress: undefined });
  assert.equal(connectionCaps(without, 20_000).perAddress, undefined);
});

test('each process brings descriptors of its own', () => {
  assert.deepEqual(connectionCaps(demand(ONE_SERVICE), 20_000, 4), {
    connections: 79_072,
    perAddress: 19_768,
  });
});
