// Where the keys of ring-hash are, and how few of them move.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RingHash } from '../../../src/upstreams/balancers/ring-hash.ts';
import { upperHash } from '../../../src/upstreams/balancers/xxh64.ts';

class Server {
  readonly address: { readonly text: string };
  isPickable = true;
  isAwaited = false;
  readonly activeCalls = 0;
  readonly weight: number;

  constructor(text: string, weight = 1) {
    this.address = { text };
    this.weight = weight;
  }
}

function servers(count: number): Server[] {
  return Array.from({ length: count }, (_, index) => new Server(`192.0.2.${index + 1}:50051`));
}

function ringOf(endpoints: readonly Server[]): (key: string) => string {
  const ring = new RingHash<Server>();
  ring.use(endpoints);
  return (key) => ring.pick({ accepts: () => true, hash: upperHash(key) })?.address.text ?? '-';
}

const KEYS = Array.from({ length: 10_000 }, (_, index) => `session-${index}`);

test('the ring is the same whatever the order of its endpoints, and stays what it was in earlier versions', () => {
  const here = ringOf(servers(5));
  const there = ringOf(servers(5).toReversed());
  for (const key of KEYS) assert.equal(here(key), there(key));
  // Several machines may run different versions of Framegate for a while.
  const expected = [4, 5, 1, 2, 4, 2].map((number) => `192.0.2.${number}:50051`);
  assert.deepEqual(KEYS.slice(0, 6).map(here), expected);
});

test('one endpoint more takes over its share of the keys, and no other key moves', () => {
  const before = ringOf(servers(10));
  const after = ringOf(servers(11));
  const moved = KEYS.filter((key) => before(key) !== after(key));
  assert.ok(moved.length > 600 && moved.length < 1200, `${moved.length} of 10000 moved, 909 are fair`);
  for (const key of moved) assert.equal(after(key), '192.0.2.11:50051');
});

test('the keys of an endpoint that can take no calls go to those that follow, and come back', () => {
  const endpoints = servers(4);
  const ring = ringOf(endpoints);
  const before = new Map(KEYS.map((key) => [key, ring(key)]));
  const [gone] = endpoints;
  gone.isPickable = false;
  const taken = new Set<string>();
  for (const key of KEYS) {
    if (before.get(key) === gone.address.text) taken.add(ring(key));
    else assert.equal(ring(key), before.get(key));
  }
  assert.equal(taken.size, 3);
  gone.isPickable = true;
  for (const key of KEYS) assert.equal(ring(key), before.get(key));
});

test('a key waits for the first connection of its endpoint', () => {
  const endpoints = servers(2);
  for (const one of endpoints) Object.assign(one, { isPickable: false, isAwaited: true });
  const ring = ringOf(endpoints);
  endpoints[0].isPickable = true;
  const answers = KEYS.slice(0, 50).map(ring);
  assert.deepEqual(new Set(answers), new Set([endpoints[0].address.text, '-']));
});

test('shares follow the weights', () => {
  const ring = ringOf([new Server('a:1', 1), new Server('b:1', 3)]);
  const heavy = KEYS.filter((key) => ring(key) === 'b:1').length;
  assert.ok(heavy > 7000 && heavy < 8000, String(heavy));
});

test('where only one of a thousand can take calls it is found, and where none can that is said', () => {
  const endpoints = servers(1000);
  for (const one of endpoints) one.isPickable = false;
  const ring = ringOf(endpoints);
  assert.equal(ring('key'), '-');
  endpoints[417].isPickable = true;
  for (const key of KEYS.slice(0, 20)) assert.equal(ring(key), endpoints[417].address.text);
});
