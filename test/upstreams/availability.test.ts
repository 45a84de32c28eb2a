// Which endpoints get calls: by priority, panic threshold, zone and slow start.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EndpointCounts } from '../../src/calls/endpoint-counts.ts';
import type { EndpointState } from '../../src/config/upstream-config.ts';
import { Availability, type AvailabilitySettings } from '../../src/upstreams/availability.ts';
import { RoundRobin } from '../../src/upstreams/balancers/round-robin.ts';
import type { EndpointEvents } from '../../src/upstreams/endpoint.ts';
import { Picking } from '../../src/upstreams/picking.ts';
import { SlowStart } from '../../src/upstreams/slow-start.ts';
import { Scripted } from '../support/scripted-endpoint.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

const REASON = { token: 'test', sentence: 'Not serving.' };

/** `a` is an endpoint of priority 0, `b1` one of priority 1, `c0@x` one in zone x, `d0*3` one of weight 3. */
function stateOf(text: string): EndpointState {
  const [, name, priority, weight, zone] = /^([a-z]+)([0-9]*)(?:\*([0-9]+))?(?:@([a-z]+))?$/.exec(text) ?? [];
  assert.ok(name, text);
  return {
    address: { kind: 'unix', path: `/${name}`, text: name },
    weight: Number(weight ?? 1),
    priority: Number(priority === '' ? 0 : priority),
    ...(zone === undefined ? {} : { zone }),
  };
}

class Group {
  readonly availability: Availability<Scripted>;
  readonly log: string[] = [];
  readonly #all = new Map<string, Scripted>();

  constructor(texts: readonly string[], settings: Partial<AvailabilitySettings> = {}) {
    this.availability = new Availability({
      panicShare: 0.5,
      preferredZone: undefined,
      slowStartMs: undefined,
      ...settings,
      makeBalancer: () => new RoundRobin<Scripted>(),
      onPanic: ({ isPanicking, priority, usable, total }) =>
        this.log.push(`${isPanicking ? 'panic' : 'calm'} of ${priority}: ${usable} of ${total}`),
      onUsable: () => this.log.push('usable'),
      onFault: (error) => assert.fail(String(error)),
    });
    this.use(...texts);
  }

  use(...texts: string[]): void {
    const events: EndpointEvents = {
      ...NO_UPSTREAM_EVENTS,
      countsOf: () => new EndpointCounts(),
      onCapacity: () => undefined,
      onReach: () => undefined,
      onExclusion: () => this.availability.judge(),
    };
    this.availability.use(
      texts.map((text) => {
        const state = stateOf(text);
        const known = this.#all.get(state.address.text) ?? new Scripted(state, events);
        known.describe(state);
        this.#all.set(state.address.text, known);
        return known;
      }),
    );
    this.availability.judge();
  }

  at(name: string): Scripted {
    const found = this.#all.get(name);
    assert.ok(found);
    return found;
  }

  exclude(...names: string[]): void {
    for (const name of names) this.at(name).exclude('health', REASON);
  }

  readmit(...names: string[]): void {
    for (const name of names) this.at(name).readmit('health');
  }

  fail(...names: string[]): void {
    for (const name of names) {
      this.at(name).failed();
      Object.assign(this.at(name), { fails: true });
      this.availability.noteReach(this.at(name));
    }
  }

  pick(...tried: string[]): string {
    const picking = new Picking<Scripted>();
    picking.tried = tried.map((name) => this.at(name));
    return this.availability.pick(picking)?.address.text ?? '-';
  }

  /** The shares in percent, in the order of the endpoints. */
  get shares(): string {
    return [...this.#all.values()].map((one) => Math.round(this.availability.shareOf(one) * 100)).join(' ');
  }

  /** Where calls really go, in percent. The chance is in steps of a thousandth. */
  measured(t: TestContext): Readonly<Record<string, number>> {
    let draws = 0;
    t.mock.method(Math, 'random', () => ((draws++ * 617) % 1000) / 1000);
    const counts: Record<string, number> = {};
    for (let call = 0; call < 1000; call++) {
      const name = this.pick();
      counts[name] = (counts[name] ?? 0) + 0.1;
    }
    t.mock.restoreAll();
    return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Math.round(count)]));
  }
}

test('a lower number gets all calls as long as 71 % of it can be used, then as many as it can take', (t) => {
  const group = new Group(['a', 'b', 'c', 'd', 'x1', 'y1']);
  assert.equal(group.shares, '25 25 25 25 0 0');
  group.exclude('a');
  assert.equal(group.shares, '0 33 33 33 0 0');
  group.exclude('b');
  // 1.4 * 2 / 4
  assert.equal(group.shares, '0 0 35 35 15 15');
  assert.deepEqual(group.measured(t), { c: 35, d: 35, x: 15, y: 15 });
  group.exclude('c', 'd');
  assert.equal(group.shares, '0 0 0 0 50 50');
  group.readmit('a', 'b', 'c', 'd');
  assert.equal(group.shares, '25 25 25 25 0 0');
  assert.equal(
    group.log.filter((line) => line !== 'usable').join(),
    '',
    'the levels could take all calls together',
  );
});

test('endpoints that cannot be reached count as those that are excluded do', () => {
  const group = new Group(['a', 'b', 'x1']);
  group.fail('a');
  assert.equal(group.shares, '0 70 30');
  group.fail('b');
  assert.equal(group.shares, '0 0 100');
});

test('levels that cannot take all calls together share them by what they can take', () => {
  const group = new Group(['a', 'b', 'c', 'd', 'w1', 'x1', 'y1', 'z1'], { panicShare: 0 });
  group.exclude('b', 'c', 'd', 'x', 'y', 'z');
  assert.equal(group.shares, '50 0 0 0 50 0 0 0');
});

test('a call that has tried a whole level goes to the next one only if the level cannot be used', () => {
  const group = new Group(['a', 'b', 'x1']);
  assert.equal(group.pick('a', 'b'), '-');
  assert.deepEqual([group.pick('a'), group.pick('b')], ['b', 'a']);
  const failing = new Group(['a', 'b', 'x1']);
  failing.fail('a', 'b');
  assert.equal(failing.pick('a', 'b'), 'x');
  Object.assign(group.at('a'), { places: 0 });
  Object.assign(group.at('b'), { places: 0 });
  assert.equal(group.pick(), '-', 'a level that is only busy is waited for');
});

test('an endpoint of an unused level that needs a call to be tried gets one', () => {
  const group = new Group(['a', 'x1']);
  group.fail('a');
  assert.equal(group.pick(), 'x');
  Object.assign(group.at('a'), { fails: false });
  group.availability.tryOnce(group.at('a'));
  group.availability.tryOnce(group.at('x'));
  assert.deepEqual([group.pick(), group.pick()], ['a', 'x']);
});

test('with too few endpoints left those that are kept out get calls, and the log says so once', () => {
  const group = new Group(['a', 'b', 'c', 'd']);
  group.exclude('a', 'b');
  assert.equal(group.log.join(), '');
  assert.equal(group.shares, '0 0 50 50');
  group.exclude('c');
  assert.deepEqual(group.log, ['panic of 0: 1 of 4']);
  assert.equal(group.shares, '25 25 25 25');
  assert.deepEqual([1, 2, 3, 4].map(() => group.pick()).toSorted(), ['a', 'b', 'c', 'd']);
  group.exclude('d');
  group.readmit('d');
  assert.equal(group.log.filter((line) => line.startsWith('panic')).length, 1);
  group.readmit('c');
  assert.deepEqual(
    group.log.filter((line) => line.startsWith('calm')),
    ['calm of 0: 2 of 4'],
  );
  assert.deepEqual([group.pick(), group.pick()].toSorted(), ['c', 'd']);
});

test('without a panic threshold an endpoint that is excluded never gets a call', () => {
  const group = new Group(['a', 'b'], { panicShare: 0 });
  group.exclude('a', 'b');
  assert.equal(group.pick(), '-');
  assert.equal(group.log.join(), '');
  assert.deepEqual([group.availability.isOpen(group.at('a'))], [false]);
});

test('endpoints that cannot be reached cause no panic, which would change nothing', () => {
  const group = new Group(['a', 'b', 'c']);
  group.fail('a', 'b', 'c');
  assert.equal(group.log.join(), '');
});

test('the own zone gets all calls as long as that is not more than its share', (t) => {
  const group = new Group(['a@x', 'b@x', 'c@y', 'd@y'], { preferredZone: 'x' });
  assert.equal(group.shares, '50 50 0 0');
  group.exclude('a');
  // The zones have a third and two thirds of the capacity, and half of the calls each begins there.
  assert.equal(group.shares, '0 67 17 17');
  assert.deepEqual(group.measured(t), { b: 67, c: 17, d: 17 });
  group.exclude('b');
  assert.equal(group.shares, '0 0 50 50');
});

test('a proxy in a zone without endpoints uses those of all zones', () => {
  assert.equal(new Group(['a@x', 'b@x', 'c@y', 'd'], { preferredZone: 'z' }).shares, '25 25 25 25');
  assert.equal(
    new Group(
      ['a@x', 'b@y*3'].map((text) => text.replace('@y*3', '*3@y')),
      { preferredZone: 'z' },
    ).shares,
    '25 75',
  );
});

test('zones do not matter unless they are preferred', () => {
  assert.equal(new Group(['a@x', 'b@y']).shares, '50 50');
});

test('weights are the shares, and a priority or weight that changes counts at once', () => {
  const group = new Group(['a*3', 'b']);
  assert.equal(group.shares, '75 25');
  group.use('a', 'b*4', 'c1');
  assert.equal(group.shares, '20 80 0');
  group.use('a1', 'b*4', 'c');
  assert.equal(group.shares, '0 80 20');
});

test('what endpoints report of their load moves calls within a priority or zone only', () => {
  const group = new Group(['a@x', 'b@x', 'c*3@y', 'd*3@y', 'e1'], { preferredZone: 'x' });
  assert.equal(group.shares, '25 25 25 25 0');
  for (const [name, weight] of [
    ['a', 1000],
    ['b', 3000],
    ['c', 1],
  ] as const)
    group.at(name).reportedWeight = weight;
  group.availability.reweigh();
  group.availability.judge();
  assert.equal(group.shares, '13 38 25 25 0');
  const turns = Array.from({ length: 400 }, () => group.pick());
  const [a, b] = ['a', 'b'].map((name) => turns.filter((turn) => turn === name).length);
  assert.ok(b > 2.8 * a && b < 3.2 * a, `${a} ${b}`);
  // An endpoint that joins has the mean of its zone.
  group.use('a@x', 'b@x', 'f@x', 'c*3@y', 'd*3@y', 'e1');
  assert.deepEqual(
    ['a', 'b', 'f'].map((name) => group.at(name).weight),
    [0.5, 1.5, 1],
  );
});

test('a new endpoint, and one that is back, start with a tenth of their weight', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let nowMs = 1000;
  t.mock.method(performance, 'now', () => nowMs);
  const group = new Group(['a', 'b'], { slowStartMs: 10_000 });
  assert.deepEqual([group.at('a').weight, group.log], [1, []]);
  group.use('a', 'b', 'c*2');
  assert.deepEqual([group.at('a').weight, group.at('c').weight, group.log], [1, 0.2, ['usable']]);
  const turns = Array.from({ length: 110 }, () => group.pick());
  assert.equal(turns.filter((name) => name === 'c').length, 10);
  nowMs += 5000;
  t.mock.timers.tick(5000);
  assert.equal(group.at('c').weight, 1);
  nowMs += 5000;
  t.mock.timers.tick(5000);
  assert.equal(group.at('c').weight, 2);
  group.fail('a');
  Object.assign(group.at('a'), { fails: false });
  group.at('a').reached();
  group.availability.noteReach(group.at('a'));
  assert.equal(group.at('a').weight, 0.1);
  group.availability.close();
});

test('the first endpoints do not start slowly, however late they are known', () => {
  const group = new Group([], { slowStartMs: 10_000 });
  group.use('a', 'b');
  assert.deepEqual([group.at('a').weight, group.log], [1, []]);
  group.use('a', 'b', 'c');
  assert.deepEqual([group.at('c').weight, group.log], [0.1, ['usable']]);
  group.availability.close();
});

function fails(): never {
  throw new Error('a fault of a balancer');
}

test('an error while weights grow is told, and does not leave the timer', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const faults: string[] = [];
  const start = new SlowStart(60_000, fails, (error) => faults.push(String(error)));
  const endpoint = new Scripted(stateOf('a'), {
    ...NO_UPSTREAM_EVENTS,
    countsOf: () => new EndpointCounts(),
    onCapacity: () => undefined,
    onReach: () => undefined,
  });
  start.begin(endpoint, performance.now());
  t.mock.timers.tick(2000);
  start.close();
  assert.deepEqual(faults, ['Error: a fault of a balancer']);
});
