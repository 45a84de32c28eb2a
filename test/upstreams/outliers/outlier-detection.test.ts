// For how long endpoints are ejected, and how many of them, with a clock of the test.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../../src/config/endpoint-update.ts';
import type { OutliersConfig } from '../../../src/config/upstream-config.ts';
import { ClientShares } from '../../../src/upstreams/client-shares.ts';
import type { Endpoint } from '../../../src/upstreams/endpoint.ts';
import { Http2Endpoint } from '../../../src/upstreams/http2/http2-endpoint.ts';
import { OutlierDetection } from '../../../src/upstreams/outliers/outlier-detection.ts';
import { LOCAL_SETTINGS } from '../../support/local-settings.ts';
import { NO_UPSTREAM_EVENTS } from '../../support/upstream-events.ts';

const CONFIG: OutliersConfig = {
  consecutive: 2,
  on: ['UNAVAILABLE'],
  ejectionMs: 30_000,
  maxEjectedPercent: 50,
};
const CONNECTIONS = { connectTimeoutMs: 1000, max: 1, maxPending: 1 };
const SOMEBODY = new ClientShares<never>(0, () => Number.POSITIVE_INFINITY).holdingOf(
  '10.0.0.1',
  undefined,
  false,
);

class Watched {
  readonly endpoints: Endpoint[];
  readonly told: string[] = [];
  readonly spared: string[] = [];
  #nowMs = 0;
  readonly #clock: TestContext['mock']['timers'];

  constructor(t: TestContext, count: number, config: Partial<OutliersConfig> = {}) {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
    this.#clock = t.mock.timers;
    t.mock.method(performance, 'now', () => this.#nowMs);
    const detection = new OutlierDetection(
      { ...CONFIG, ...config },
      (error) => assert.fail(String(error)),
      (_endpoint, sentence) => this.spared.push(sentence),
    );
    t.after(() => detection.close());
    const events = {
      ...NO_UPSTREAM_EVENTS,
      onCapacity: () => undefined,
      onReach: () => undefined,
      outcomesOf: (endpoint: Endpoint) => detection.watch(endpoint),
      onExclusion: ({ address }: Endpoint, { reason }: { reason: { sentence: string } | undefined }) =>
        this.told.push(reason?.sentence ?? `${address.text} is back`),
    };
    this.endpoints = Array.from({ length: count }, (_one, index) => {
      const address = { kind: 'tcp', host: '10.1.0.1', port: index + 1, text: `s:${index + 1}` } as const;
      const options = { connections: CONNECTIONS, settings: LOCAL_SETTINGS, keepalive: undefined };
      return new Http2Endpoint(endpointAt(address), options, events);
    });
    detection.begin(() => this.endpoints);
  }

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 100) {
      this.#nowMs += 100;
      this.#clock.tick(100);
    }
  }

  /** Two calls fail, which is enough. */
  spoil(index: number, times = 2): void {
    for (let call = 0; call < times; call++) {
      this.#nowMs += 1;
      this.endpoints[index].outcomes?.failed('a reset', SOMEBODY);
    }
  }

  serve(index: number): void {
    this.endpoints[index].outcomes?.answered('OK', SOMEBODY);
  }

  get ejected(): readonly number[] {
    return this.endpoints.flatMap(({ isExcluded }, index) => (isExcluded ? [index] : []));
  }
}

test('an endpoint is ejected for a while, tried again, and ejected for longer when that fails', (t) => {
  const watched = new Watched(t, 3);
  watched.spoil(0);
  assert.deepEqual(watched.told, [
    's:1 failed 2 times in a row, the last time with a reset; it is tried again after 30 s',
  ]);
  watched.pass(29_900);
  assert.deepEqual(watched.ejected, [0]);
  watched.pass(100);
  assert.deepEqual(watched.ejected, []);
  watched.spoil(0, 1);
  assert.match(
    watched.told.at(-1) ?? '',
    /failed again when it was tried: a reset; it is tried again after 60 s$/,
  );
  watched.pass(59_900);
  assert.deepEqual(watched.ejected, [0]);
  watched.pass(100);
  watched.serve(0);
  watched.spoil(0, 1);
  assert.deepEqual(watched.ejected, [], 'the trial was passed');
  assert.equal(watched.endpoints[0].counts.ejections, 2);
});

test('ejections last 300 s at most, and shorter again after a while without one', (t) => {
  const watched = new Watched(t, 3);
  for (let time = 1; time <= 12; time++) {
    watched.spoil(0);
    assert.match(watched.told.at(-1) ?? '', new RegExp(` ${Math.min(300, 30 * time)} s$`));
    watched.pass(Math.min(300, 30 * time) * 1000);
  }
  watched.serve(0);
  watched.pass(60_000);
  watched.spoil(0);
  assert.match(watched.told.at(-1) ?? '', / (?:180|210) s$/);
});

test('no more than the share is ejected, but one in any case', (t) => {
  const watched = new Watched(t, 5, { maxEjectedPercent: 50 });
  for (const index of [0, 1, 2, 3]) watched.spoil(index);
  assert.deepEqual(watched.ejected, [0, 1]);
  t.mock.timers.reset();
  const few = new Watched(t, 3, { maxEjectedPercent: 1 });
  for (const index of [0, 1]) few.spoil(index);
  assert.deepEqual(few.ejected, [0]);
});

test('the last endpoint that can be used is never ejected', (t) => {
  const watched = new Watched(t, 3, { maxEjectedPercent: 100 });
  watched.endpoints[0].exclude('health', { token: 'health_not_serving', sentence: 'It does not serve.' });
  watched.spoil(1);
  watched.spoil(2);
  assert.deepEqual(watched.ejected, [0, 1]);
  t.mock.timers.reset();
  t.mock.reset();
  const alone = new Watched(t, 1);
  alone.spoil(0);
  assert.deepEqual(alone.ejected, []);
});

test('an endpoint that could not be reached last time is none that can be used, also when it may be tried again', (t) => {
  const watched = new Watched(t, 2, { maxEjectedPercent: 100 });
  t.mock.getter(watched.endpoints[1], 'isUsable', () => false);
  assert.equal(watched.endpoints[1].isFailing, false);
  watched.spoil(0);
  assert.deepEqual(watched.ejected, []);
});

test('an endpoint that is healthy again, or reached again, is tried at once', (t) => {
  const watched = new Watched(t, 2);
  watched.spoil(0);
  watched.endpoints[0].noteRecovery();
  assert.deepEqual(watched.ejected, []);
  watched.spoil(0, 1);
  assert.deepEqual(watched.ejected, [0], 'on trial');
});

test('an endpoint that fails most of its calls is ejected although some succeed between', (t) => {
  const watched = new Watched(t, 2, { consecutive: 10 });
  for (let round = 0; round < 10; round++) {
    watched.spoil(0, 9);
    watched.serve(0);
    watched.serve(1);
  }
  assert.deepEqual(watched.ejected, []);
  watched.pass(10_000);
  assert.deepEqual(watched.ejected, [0]);
  assert.match(watched.told.at(-1) ?? '', /^s:1 failed 90 of 100 calls, the last one with a reset; /);
});

test('an endpoint that fails and is not ejected is told of, with the reason', (t) => {
  const watched = new Watched(t, 3);
  watched.spoil(0);
  assert.deepEqual(watched.spared, []);
  watched.spoil(1);
  assert.deepEqual(watched.spared, [
    's:2 failed 2 times in a row, the last time with a reset; it is not ejected, since 1 of 3 are (outliers.maxEjected)',
  ]);
  t.mock.reset();
  const alone = new Watched(t, 1);
  alone.spoil(0);
  assert.match(alone.spared[0], /; it is not ejected, since no other endpoint can be used$/);
});
