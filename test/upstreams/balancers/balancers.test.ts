// What every balancer does, whatever it prefers; and what is special to one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Balancer } from '../../../src/upstreams/balancers/balancer.ts';
import { RoundRobin } from '../../../src/upstreams/balancers/round-robin.ts';
import { FewestCalls } from '../../support/fewest-calls.ts';

class Candidate {
  readonly name: string;
  isPickable = true;
  activeCalls = 0;

  constructor(name: string) {
    this.name = name;
  }
}

function candidates(...names: string[]): Candidate[] {
  return names.map((name) => new Candidate(name));
}

const ANY = { accepts: () => true };

const BALANCERS: readonly (readonly [name: string, make: () => Balancer<Candidate>])[] = [
  ['round-robin', () => new RoundRobin<Candidate>()],
  ['fewest calls, as the recipe adds one', () => new FewestCalls<Candidate>()],
];

for (const [name, make] of BALANCERS) {
  const using = (endpoints: readonly Candidate[]) => {
    const balancer = make();
    balancer.use(endpoints);
    const pick = (...tried: Candidate[]) => balancer.pick({ accepts: (one) => !tried.includes(one) });
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
