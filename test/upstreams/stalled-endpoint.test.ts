// An endpoint that stops reading: what it does not take must not pile up here, and its calls must not wait for ever.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { SettingId } from '../../src/h2/settings.ts';
import type { StreamOwner } from '../../src/h2/stream.ts';
import type { Http2Endpoint } from '../../src/upstreams/http2/http2-endpoint.ts';
import { http2Upstream } from '../../src/upstreams/http2/http2-upstream.ts';
import type { UpstreamConnection } from '../../src/upstreams/http2/upstream-connection.ts';
import type { Upstream } from '../../src/upstreams/upstream.ts';
import { LOCAL_SETTINGS } from '../support/local-settings.ts';
import { nextTurns } from '../support/memory-socket.ts';
import { type RawServer, startRawServer } from '../support/raw-server.ts';
import { addressOf, NO_UPSTREAM_EVENTS, pick } from '../support/upstream-events.ts';

const LARGE = HeaderList.of(
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a.B/C'],
  [':authority', 'a'],
  ['x-large', 'v'.repeat(14_000)],
);
/** Far more than the kernel and the proxy hold together. */
const MOST_CALLS = 5000;
const MOST_STREAMS = 2 * MOST_CALLS;

class Stalled {
  readonly server: RawServer;
  readonly upstream: Upstream<Http2Endpoint>;
  readonly log: string[] = [];
  /** The reasons that calls were told. */
  readonly losses: string[] = [];
  waiterTold = '';
  /** Stands still unless moved. */
  nowMs = 1_000_000;

  private constructor(t: TestContext, server: RawServer) {
    t.mock.method(performance, 'now', () => this.nowMs);
    t.mock.timers.enable({ apis: ['setInterval'] });
    this.server = server;
    const config = {
      name: 'voice',
      protocol: 'h2c',
      endpoints: [endpointAt(addressOf(server))],
      balance: 'round-robin',
      connections: { connectTimeoutMs: 60_000, max: 1, maxPending: 100 },
      limits: { retries: 0.2 },
    } as const;
    this.upstream = http2Upstream(config, LOCAL_SETTINGS, {
      ...NO_UPSTREAM_EVENTS,
      onConnected: () => this.log.push('connected'),
      onConnectFailed: (_endpoint, { token }) => this.log.push(token),
      onRetired: (_endpoint, reason) => this.log.push(reason),
      onViolation: (_endpoint, { token }) => this.log.push(token),
      onClientAtFault: (_endpoint, client) => this.log.push(`at fault: ${client}`),
      onFault: (layer) => this.log.push(`fault: ${layer}`),
      onGaveWay: (client) => this.log.push(`gave way: ${client}`),
    });
    t.after(async () => {
      this.upstream.destroy('the test is over');
      await nextTurns();
    });
  }

  /** Connected to an endpoint that reads nothing from now on. */
  static async start(t: TestContext): Promise<Stalled> {
    const server = await startRawServer({ settings: [[SettingId.MAX_CONCURRENT_STREAMS, MOST_STREAMS]] });
    t.after(() => server.close());
    const stalled = new Stalled(t, server);
    assert.equal(pick(stalled.upstream), undefined);
    await stalled.until('it is connected', () => stalled.log.length > 0);
    server.peers[0].socket.pause();
    return stalled;
  }

  /** Waits without a clock. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    for (let turn = 0; !isSo(); turn++) {
      assert.ok(turn < 100_000, `never happened: ${what}; ${this.log.join()}`);
      await nextTurns(1);
    }
  }

  /** Makes calls until there is no room for another. @returns the connection they are on */
  async fill(): Promise<UpstreamConnection> {
    const connection = pick(this.upstream);
    assert.ok(connection);
    for (let picked: typeof connection | undefined = connection; picked; picked = pick(this.upstream)) {
      assert.ok(connection.activeStreams < MOST_CALLS, 'calls are added without end');
      picked.openStream(this.#owner(picked)).sendHeaders(LARGE, true);
      await nextTurns(1);
    }
    return connection;
  }

  waits(): void {
    this.upstream.wait({
      holding: this.upstream.shares.holdingOf('192.0.2.1', undefined, false),
      tried: [],
      traits: { hash: undefined, method: '' },
      forgetTried() {},
      onEndpoint: () => {
        this.waiterTold = 'connection';
      },
      onUnavailable: ({ token }) => {
        this.waiterTold = token;
      },
    });
  }

  #owner(connection: UpstreamConnection): StreamOwner {
    return {
      onResponse() {},
      onData() {},
      onTrailers() {},
      onWritable() {},
      onReset() {},
      onRefused() {},
      onConnectionLost: (reason) => {
        this.losses.push(reason);
        connection.releaseStream();
      },
    };
  }
}

test('an endpoint that stopped reading gets no more calls, and those that wait once it has read', async (t) => {
  const stalled = await Stalled.start(t);
  const connection = await stalled.fill();
  assert.deepEqual([connection.state, connection.hasCapacity], ['ready', false]);
  stalled.waits();
  await nextTurns(10);
  assert.equal(stalled.waiterTold, '');
  stalled.server.peers[0].socket.resume();
  await stalled.until('the call that waits is served', () => stalled.waiterTold !== '');
  assert.equal(stalled.waiterTold, 'connection');
  assert.deepEqual([connection.state, connection.hasCapacity], ['ready', true]);
  assert.deepEqual([stalled.log, stalled.losses], [['connected'], []]);
});

test('an endpoint that reads nothing for 30 s is given up, and its calls are told why', async (t) => {
  const stalled = await Stalled.start(t);
  const connection = await stalled.fill();
  const calls = connection.activeStreams;
  stalled.nowMs += 29_000;
  t.mock.timers.tick(29_000);
  await nextTurns();
  assert.equal(connection.state, 'ready');
  stalled.nowMs += 1000;
  t.mock.timers.tick(1000);
  await stalled.until('the connection is given up', () => connection.state === 'closed');
  const reason = 'the endpoint took nothing for 30 s (limits.stallTimeout)';
  const told = `this proxy ended it because of a violation: ${reason} (ENHANCE_YOUR_CALM, connection_stalled)`;
  assert.deepEqual(stalled.log, ['connected', 'connection_stalled', told]);
  assert.deepEqual([stalled.losses.length, ...new Set(stalled.losses)], [calls, told]);
});

test('an endpoint that reads all it is sent may be silent for as long as it likes', async (t) => {
  const stalled = await Stalled.start(t);
  const connection = await stalled.fill();
  stalled.server.peers[0].socket.resume();
  await stalled.until('it has read', () => connection.hasCapacity);
  await stalled.until(
    'all calls are there',
    () => stalled.server.requests.length === connection.activeStreams,
  );
  stalled.nowMs += 3_600_000;
  t.mock.timers.tick(60_000);
  await nextTurns();
  assert.equal(connection.state, 'ready');
});
