// What every balancer does, whatever it prefers; and what is special to one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Balancer } from '../../../src/upstreams/balancers/balancer.ts';
import { LeastRequests } from '../../../src/upstreams/balancers/least-requests.ts';
import { RandomChoice } from '../../../src/upstreams/balancers/random-choice.ts';
import { RingHash } from '../../../src/upstreams/balancers/ring-hash.ts';
import { RoundRobin } from '../../../src/upstreams/balancers/round-robin.ts';
import { FewestCalls } from '../../support/fewest-calls.ts';

class Candidate {
  readonly name: string;
  readonly address: { readonly text: string };
  isPickable = true;
  isAwaited = false;
  activeCalls = 0;
  weight: number;

  constructor(name: string, weight = 1) {
    this.name = name;
    this.address = { text: `192.0.2.1:${name}` };
    this.weight = weight;
  }
}

function candidates(...names: string[]): Candidate[] {
  return names.map((name) => new Candidate(name));
}

/** Numbers from 0 to less than 1 that are the same in each run (a multiplicative congruential generator of Park and Miller). */
function numbers(): () => number {
  let last = 20_261_129;
  return () => {
    last = (last * 48_271) % 2_147_483_647;
    return last / 2_147_483_647;
  };
}

const ANY = { accepts: () => true, hash: undefined };

const BALANCERS: readonly (readonly [name: string, make: () => Balancer<Candidate>])[] = [
  ['round-robin', () => new RoundRobin<Candidate>()],
  ['least-requests', () => new LeastRequests<Candidate>(numbers())],
  ['random', () => new RandomChoice<Candidate>(numbers())],
  ['ring-hash, without a key', () => new RingHash<Candidate>(numbers())],
  ['fewest calls, as the recipe adds one', () => new FewestCalls<Candidate>()],
];

for (const [name, make] of BALANCERS) {
  const using = (endpoints: readonly Candidate[]) => {
    const balancer = make();
    balancer.use(endpoints);
    const pick = (...tried: Candidate[]) =>
      balancer.pick({ accepts: (one) => !tried.includes(one), hash: undefined });
    /** As many calls as are wanted, none of which ends. */
    const fill = (count: number) => {
      for (let call = 0; call < count; call++) {
        const picked = pick();
        if (picked !== undefined) picked.activeCalls++;
      }
    };
    return { balancer, pick, fill };
  };

  test(`${name}: where there is nothing there is nothing to pick`, () => {
    assert.equal(make().pick(ANY), undefined);
    assert.equal(using([]).pick(), undefined);
  });

  test(`${name}: other endpoints are taken over in a few looks at each, however many there are`, () => {
    const count = 4096;
    const looks = { count: 0 };
    const many = (): readonly Candidate[] =>
      new Proxy(
        Array.from({ length: count }, (_, index) => new Candidate(String(index))),
        {
          get(target, key, receiver) {
            looks.count++;
            return Reflect.get(target, key, receiver);
          },
        },
      );
    const balancer = make();
    balancer.use(many());
    balancer.use(many());
    assert.ok(looks.count <= 10 * count, `${looks.count} looks`);
  });

  test(`${name}: one endpoint gets every call`, () => {
    const [only] = candidates('a');
    const { pick } = using([only]);
    assert.deepEqual([pick(), pick()], [only, only]);
  });

  test(`${name}: every endpoint gets its calls`, () => {
    const endpoints = candidates('a', 'b', 'c');
    using(endpoints).fill(300);
    for (const { activeCalls, name: endpoint } of endpoints) assert.ok(activeCalls > 30, endpoint);
  });

  test(`${name}: one that can take no call gets none, and gets some again once it can`, () => {
    const [a, b] = candidates('a', 'b');
    const { pick, fill } = using([a, b]);
    a.isPickable = false;
    fill(100);
    assert.deepEqual([a.activeCalls, b.activeCalls], [0, 100]);
    b.isPickable = false;
    assert.equal(pick(), undefined);
    a.isPickable = true;
    assert.equal(pick(), a);
  });

  test(`${name}: what a call has tried in vain it does not get again`, () => {
    const [a, b, c] = candidates('a', 'b', 'c');
    const { pick } = using([a, b, c]);
    for (let call = 0; call < 10; call++) assert.equal(pick(a, b), c);
    assert.equal(pick(a, b, c), undefined);
    c.isPickable = false;
    assert.equal(pick(a, b), undefined);
  });

  test(`${name}: one that is added gets calls, one that is removed gets no more`, () => {
    const [a, b, c] = candidates('a', 'b', 'c');
    const { balancer, fill } = using([a, b]);
    fill(3);
    balancer.use([b, c]);
    const before = a.activeCalls;
    fill(100);
    assert.equal(a.activeCalls, before);
    assert.ok(c.activeCalls > 10);
    balancer.use([]);
    assert.equal(balancer.pick(ANY), undefined);
  });
}

for (const [name, make] of BALANCERS.slice(0, 4)) {
  test(`${name}: each endpoint has its share by weight, as calls that do not last show`, () => {
    const endpoints = [new Candidate('a', 1), new Candidate('b', 2), new Candidate('c', 5)];
    const balancer = make();
    balancer.use(endpoints);
    const counts = new Map<string, number>();
    for (let call = 0; call < 8000; call++) {
      const picked = balancer.pick(ANY);
      assert.ok(picked);
      counts.set(picked.name, (counts.get(picked.name) ?? 0) + 1);
    }
    for (const { name: endpoint, weight } of endpoints) {
      const share = (counts.get(endpoint) ?? 0) / weight;
      // A ring has its shares by chance, once and for all.
      const most = name.startsWith('ring-hash') ? 250 : 80;
      assert.ok(Math.abs(share - 1000) < most, `${endpoint} has ${share * weight} of ${weight}000`);
    }
  });

  test(`${name}: a new weight counts from the next call on`, () => {
    const [a, b] = candidates('a', 'b');
    const balancer = make();
    balancer.use([a, b]);
    assert.ok(balancer.pick(ANY));
    a.weight = 9;
    balancer.use([a, b]);
    let count = 0;
    for (let call = 0; call < 2000; call++) if (balancer.pick(ANY) === a) count++;
    assert.ok(count > 1650 && count < 1950, `${count} of 2000`);
  });
}

function inTurn(balancer: Balancer<Candidate>, count: number): string {
  return Array.from({ length: count }, () => balancer.pick(ANY)?.name ?? '-').join('');
}

test('round-robin: endpoints take turns, and who cannot take a call loses that turn only', () => {
  const [a, b, c] = candidates('a', 'b', 'c');
  const balancer = new RoundRobin<Candidate>();
  balancer.use([a, b, c]);
  assert.equal(inTurn(balancer, 7), 'abcabca');
  b.isPickable = false;
  assert.equal(inTurn(balancer, 3), 'cac');
  b.isPickable = true;
  assert.equal(inTurn(balancer, 3), 'abc');
});

test('round-robin: whose turn it is keeps it when others come and go', () => {
  const [a, b, c, d] = candidates('a', 'b', 'c', 'd');
  const balancer = new RoundRobin<Candidate>();
  balancer.use([a, b, c]);
  assert.equal(inTurn(balancer, 1), 'a');
  balancer.use([d, a, b, c]);
  assert.equal(inTurn(balancer, 4), 'bcda');
  balancer.use([a, c, d]);
  assert.equal(inTurn(balancer, 3), 'cda', 'where that one is gone the next one behind it has the turn');
});

test('round-robin: turns by weight are spread, and who cannot take calls gets no burst of them later', () => {
  const endpoints = [new Candidate('a', 5), new Candidate('b', 1), new Candidate('c', 1)];
  const [a] = endpoints;
  const balancer = new RoundRobin<Candidate>();
  balancer.use(endpoints);
  assert.equal(inTurn(balancer, 14), 'aaabcaaaaabcaa');
  a.isPickable = false;
  assert.equal(inTurn(balancer, 6), 'bcbcbc');
  a.isPickable = true;
  const turns = inTurn(balancer, 14);
  assert.equal(turns.replaceAll(/[^a]/g, '').length, 10, turns);
});

test('least-requests: long calls are even by weight, whatever the order in which they came and went', () => {
  const endpoints = [new Candidate('a', 1), new Candidate('b', 1), new Candidate('c', 2)];
  const balancer = new LeastRequests<Candidate>(numbers());
  balancer.use(endpoints);
  endpoints[0].activeCalls = 300;
  for (let call = 0; call < 900; call++) {
    const picked = balancer.pick(ANY);
    if (picked !== undefined) picked.activeCalls++;
  }
  const [a, b, c] = endpoints.map(({ activeCalls }) => activeCalls);
  assert.equal(a + b + c, 1200);
  assert.ok(Math.abs(a - 300) < 30 && Math.abs(b - 300) < 30 && Math.abs(c - 600) < 30, `${a} ${b} ${c}`);
});

test('least-requests: of two endpoints the one with fewer calls gets each call', () => {
  const [a, b] = candidates('a', 'b');
  const balancer = new LeastRequests<Candidate>(numbers());
  balancer.use([a, b]);
  a.activeCalls = 1;
  for (let call = 0; call < 20; call++) assert.equal(balancer.pick(ANY), b);
});
