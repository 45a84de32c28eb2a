// Places for connections, in all and by address. No socket is involved.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionLimits, type ConnectionPlace, isPlace } from '../../src/listeners/connection-limits.ts';

function taken(limits: ConnectionLimits, address: string, isExempt = false): ConnectionPlace {
  const result = limits.take(address, isExempt);
  assert.ok(isPlace(result), `${address} finds a place`);
  return result;
}

function refusalOf(limits: ConnectionLimits, address: string, isExempt = false): string {
  const result = limits.take(address, isExempt);
  assert.ok(!isPlace(result), `${address} is turned away`);
  return `${result.token} ${result.detail ?? ''}`.trim();
}

test('there are as many connections as the limit says, and one more when one has ended', () => {
  const limits = new ConnectionLimits({ connections: 2, perAddress: undefined });
  const first = taken(limits, '192.0.2.1');
  taken(limits, '192.0.2.1');
  assert.equal(refusalOf(limits, '192.0.2.2'), 'too_many_connections 2 connections');
  first.release();
  taken(limits, '192.0.2.2');
  assert.deepEqual([limits.openCount, limits.refusedCount], [2, 1]);
});

test('one address has no more than its share, and others find a place', () => {
  const limits = new ConnectionLimits({ connections: 10, perAddress: 2 });
  const first = taken(limits, '192.0.2.1');
  taken(limits, '192.0.2.1');
  const refusal = 'too_many_connections_of_address 2 connections of 192.0.2.1';
  assert.equal(refusalOf(limits, '192.0.2.1'), refusal);
  taken(limits, '192.0.2.2');
  first.release();
  taken(limits, '192.0.2.1');
});

test('a place that is released twice is free once', () => {
  const limits = new ConnectionLimits({ connections: 2, perAddress: 1 });
  const first = taken(limits, '192.0.2.1');
  first.release();
  taken(limits, '192.0.2.1');
  first.release();
  assert.equal(limits.openCount, 1);
  assert.match(refusalOf(limits, '192.0.2.1'), /^too_many_connections_of_address/);
});

test('who speaks for many counts in all, but not by address', () => {
  const limits = new ConnectionLimits({ connections: 3, perAddress: 1 });
  taken(limits, '10.0.0.1', true);
  taken(limits, '10.0.0.1', true);
  taken(limits, '10.0.0.1');
  assert.equal(refusalOf(limits, '10.0.0.1', true), 'too_many_connections 3 connections');
});

test('connections without an address count in all only', () => {
  const limits = new ConnectionLimits({ connections: 2, perAddress: 1 });
  taken(limits, '');
  taken(limits, '');
  assert.match(refusalOf(limits, ''), /^too_many_connections /);
});

test('all addresses of an IPv6 network of 64 bits are one', () => {
  const limits = new ConnectionLimits({ connections: 10, perAddress: 2 });
  taken(limits, '2001:db8:0:1::1');
  taken(limits, '2001:db8:0:1:ffff:ffff:ffff:ffff');
  assert.equal(
    refusalOf(limits, '2001:db8:0:1:1::1'),
    'too_many_connections_of_address 2 connections of 2001:db8:0:1::/64',
  );
  taken(limits, '2001:db8:0:2::1');
});

test('new limits count for those who come next, and those who are there stay counted', () => {
  const limits = new ConnectionLimits({ connections: 10, perAddress: 5 });
  const places = Array.from({ length: 4 }, () => taken(limits, '192.0.2.1'));
  limits.caps = { connections: 10, perAddress: 2 };
  assert.match(refusalOf(limits, '192.0.2.1'), /^too_many_connections_of_address 4 /);
  limits.caps = { connections: 3, perAddress: undefined };
  assert.equal(refusalOf(limits, '192.0.2.2'), 'too_many_connections 4 connections');
  for (const place of places) place.release();
  limits.caps = { connections: 1, perAddress: 1 };
  taken(limits, '192.0.2.1');
});

test('nobody finds a place when memory is used up, and everybody again when it is not', () => {
  const limits = new ConnectionLimits({ connections: 10, perAddress: 5 });
  limits.isClosed = true;
  assert.equal(refusalOf(limits, '192.0.2.1'), 'memory_exhausted');
  assert.equal(refusalOf(limits, '', true), 'memory_exhausted');
  limits.isClosed = false;
  taken(limits, '192.0.2.1');
});

test('behind a balancer a connection counts for the address in its header', () => {
  const limits = new ConnectionLimits({ connections: 10, perAddress: 1 });
  const first = taken(limits, '10.0.0.1', true);
  assert.equal(first.countFor('192.0.2.1'), undefined);
  const second = taken(limits, '10.0.0.1', true);
  assert.deepEqual(second.countFor('192.0.2.1'), {
    token: 'too_many_connections_of_address',
    detail: '1 connections of 192.0.2.1',
  });
  second.release();
  assert.match(refusalOf(limits, '192.0.2.1'), /^too_many_connections_of_address/);
  first.release();
  taken(limits, '192.0.2.1');
  assert.equal(limits.openCount, 1);
});

test('a header that comes after the connection has ended counts for nobody', () => {
  const limits = new ConnectionLimits({ connections: 10, perAddress: 1 });
  const place = taken(limits, '10.0.0.1', true);
  place.release();
  assert.equal(place.countFor('192.0.2.1'), undefined);
  taken(limits, '192.0.2.1');
});

test('connections are counted by listener too', () => {
  const limits = new ConnectionLimits({ connections: 10, perAddress: undefined });
  limits.take('192.0.2.1', false, 'public');
  const place = limits.take('192.0.2.1', false, 'internal');
  limits.take('192.0.2.1', false, 'public');
  if (isPlace(place)) place.release();
  assert.deepEqual(Object.fromEntries(limits.openByListener), { public: 2, internal: 0 });
});
