// Which of those that hold a place make no use of it, and give way where others wait.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientShares } from '../../src/upstreams/client-shares.ts';
import type { Holding } from '../../src/upstreams/holding.ts';
import { IdlePlaces } from '../../src/upstreams/idle-places.ts';

class User {
  readonly holding: Holding;
  movedBytes = 0;

  constructor(holding: Holding) {
    this.holding = holding;
    holding.take();
  }
}

function users(shares: ClientShares<string>, client: string, count: number): User[] {
  const holding = shares.holdingOf(client, undefined, false);
  return Array.from({ length: count }, () => new User(holding));
}

function scarce() {
  const shares = new ClientShares<string>(10, () => 10);
  const idle = new IdlePlaces<User>(1000);
  const hog = users(shares, 'hog', 6);
  const other = users(shares, 'other', 2);
  shares.wait(shares.holdingOf('new', undefined, false), 'call');
  return { shares, idle, hog, other, all: [...hog, ...other] };
}

test('the longest idle of who holds the most gives way, and no more than wait', () => {
  const { shares, idle, hog, all } = scarce();
  idle.look(hog.slice(0, 3), 0);
  idle.look(all, 500);
  const claim = shares.claim();
  assert.ok(claim !== undefined);
  assert.deepEqual(idle.givingWay(claim, 999), []);
  assert.deepEqual(idle.givingWay(claim, 1000), [hog[0]]);
});

test('one through which something goes is not idle, a heartbeat is nothing', () => {
  const { shares, idle, hog, all } = scarce();
  for (let nowMs = 0; nowMs <= 3000; nowMs += 250) {
    for (const user of hog.slice(1)) user.movedBytes += 600;
    hog[0].movedBytes += 10;
    idle.look(all, nowMs);
  }
  const claim = shares.claim();
  assert.ok(claim !== undefined);
  assert.deepEqual(idle.givingWay(claim, 3000), [hog[0]]);
});

test('who holds no more than those that wait gives nothing', () => {
  const { shares, idle, all } = scarce();
  const even = { count: 10, isOwedBy: () => false };
  idle.look(all, 0);
  assert.deepEqual(idle.givingWay(even, 60_000), []);
  assert.ok(shares.claim() !== undefined);
});

test('when there was enough for all, idleness is counted anew', () => {
  const { shares, idle, all } = scarce();
  idle.look(all, 0);
  idle.forget();
  idle.look(all, 900);
  const claim = shares.claim();
  assert.ok(claim !== undefined);
  assert.deepEqual(idle.givingWay(claim, 1500), []);
  assert.equal(idle.givingWay(claim, 1900).length, 1);
});
