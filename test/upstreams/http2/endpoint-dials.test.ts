// How many endpoints of one upstream are dialled at the same time, and whether each of them is.

import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import type { Address } from '../../../src/config/address.ts';
import { endpointAt } from '../../../src/config/endpoint-update.ts';
import { diagnoseConnectFailure } from '../../../src/diagnosis/connect-failure.ts';
import type { DialEvents } from '../../../src/upstreams/dial.ts';
import { http2Upstream } from '../../../src/upstreams/http2/http2-upstream.ts';
import { LOCAL_SETTINGS } from '../../support/local-settings.ts';
import { NO_UPSTREAM_EVENTS } from '../../support/upstream-events.ts';

const COUNT = 100;

test('of a hundred endpoints 32 are dialled at a time, and each before one is dialled again', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let nowMs = 1_000_000;
  t.mock.method(performance, 'now', () => nowMs);
  const addresses = Array.from({ length: COUNT }, (_, index): Address => {
    const host = `192.0.2.${index + 1}`;
    return { kind: 'tcp', host, port: 1, text: `${host}:1` };
  });
  const underWay: { readonly events: DialEvents; readonly text: string }[] = [];
  const dialled: string[] = [];
  const dialer = {
    dial: ({ text }: Address, events: DialEvents): Duplex => {
      underWay.push({ events, text });
      dialled.push(text);
      return new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    },
  };
  const config = {
    name: 'many',
    protocol: 'h2c',
    endpoints: addresses.map((address) => endpointAt(address)),
    balance: 'round-robin',
    connections: { connectTimeoutMs: 5000, max: 1, maxPending: 10 },
    limits: { retries: 0.2 },
  } as const;
  const upstream = http2Upstream(config, LOCAL_SETTINGS, NO_UPSTREAM_EVENTS, dialer);
  t.after(() => upstream.destroy('the test is over'));
  const call = (): void => {
    nowMs += 10_000;
    assert.equal(upstream.pickFor(upstream.shares.holdingOf('', undefined, true), []), undefined);
  };
  call();
  assert.equal(dialled.length, 32);
  while (dialled.length < 3 * COUNT) {
    const [oldest] = underWay.splice(0, 1);
    oldest.events.onFailed(diagnoseConnectFailure('ECONNREFUSED', oldest.text));
    call();
    assert.ok(underWay.length <= 32);
  }
  for (const round of [0, 1, 2])
    assert.equal(new Set(dialled.slice(round * COUNT, (round + 1) * COUNT)).size, COUNT, `round ${round}`);
});
