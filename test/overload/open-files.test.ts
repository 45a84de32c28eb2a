// How many clients the descriptors of a process are enough for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionCaps, parseOpenFilesLimit, readOpenFilesLimit } from '../../src/overload/open-files.ts';

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

test('each connection may have an upstream connection of its own, and a fifth is left over', () => {
  assert.equal(connectionCaps(AUTO, 20_000).connections, 7920);
  assert.equal(connectionCaps(AUTO, 1024).connections, 329);
});

test('even the fewest descriptors let some in, and the most no more than a million', () => {
  assert.equal(connectionCaps(AUTO, 64).connections, 16);
  assert.equal(connectionCaps(AUTO, Number.POSITIVE_INFINITY).connections, 1_000_000);
});

test('one address may have a quarter', () => {
  assert.equal(connectionCaps(AUTO, 20_000).perAddress, 1980);
  assert.equal(connectionCaps({ connections: 10, connectionsPerAddress: 'auto' }, 20_000).perAddress, 3);
});

test('what is configured counts, whatever the descriptors', () => {
  const configured = { connections: 5, connectionsPerAddress: 7 };
  assert.deepEqual(connectionCaps(configured, 20_000, 4), { connections: 5, perAddress: 7 });
  const without = { connections: 5, connectionsPerAddress: undefined };
  assert.equal(connectionCaps(without, 20_000).perAddress, undefined);
});

test('each process brings descriptors of its own', () => {
  assert.deepEqual(connectionCaps(AUTO, 20_000, 4), { connections: 31_680, perAddress: 7920 });
});
