// One address: when it is dialled, how many connections it gets, and what it says of them.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../../src/config/endpoint-update.ts';
import { SettingId } from '../../../src/h2/settings.ts';
import { ClientShares } from '../../../src/upstreams/client-shares.ts';
import { Http2Endpoint } from '../../../src/upstreams/http2/http2-endpoint.ts';
import type { UpstreamConnection } from '../../../src/upstreams/http2/upstream-connection.ts';
import { LOCAL_SETTINGS } from '../../support/local-settings.ts';
import { nextTurns } from '../../support/memory-socket.ts';
import { goAwayFrame } from '../../support/raw-frames.ts';
import { type RawServer, startRawServer, startSocketServer } from '../../support/raw-server.ts';
import { IGNORING_OWNER } from '../../support/recorded-stream.ts';
import { addressOf, CallOnConnection, NO_UPSTREAM_EVENTS } from '../../support/upstream-events.ts';

const oneStream = { settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]] } as const;

class Watched {
  readonly endpoint: Http2Endpoint;
  readonly log: string[] = [];
  /** The clock of the backoff. */
  nowMs = 1_000_000;

  constructor(t: TestContext, server: RawServer, max = 2) {
    t.mock.method(performance, 'now', () => this.nowMs);
    const connections = { connectTimeoutMs: 60_000, max, maxPending: 10 };
    this.endpoint = new Http2Endpoint(
      endpointAt(addressOf(server)),
      { connections, settings: LOCAL_SETTINGS },
      {
        onCapacity() {},
        ...NO_UPSTREAM_EVENTS,
        onReach: ({ lastFailure }) => this.log.push(`reach: ${lastFailure?.token ?? 'answers'}`),
        onConnected: () => this.log.push('connected'),
        onDoubt: () => this.log.push('in doubt'),
        onConnectFailed: (_endpoint, { token }) => this.log.push(token),
        onRetired: (_endpoint, reason) => this.log.push(`retired: ${reason}`),
        onViolation: (_endpoint, { token }) => this.log.push(token),
        onClientAtFault: (_endpoint, client) => this.log.push(`at fault: ${client}`),
        onFault: (layer) => this.log.push(`fault: ${layer}`),
      },
    );
    t.after(() => this.endpoint.destroy('the test is over'));
  }

  seeks(): boolean {
    return this.endpoint.seekCapacity(this.nowMs);
  }

  /** The clock stands still meanwhile. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    for (let turn = 0; !isSo(); turn++) {
      assert.ok(turn < 100_000, `never happened: ${what}; ${this.log.join()}`);
      await nextTurns(1);
    }
  }

  async connects(): Promise<UpstreamConnection> {
    const before = this.log.length;
    assert.equal(this.seeks(), true);
    await this.until('it is connected', () => this.log.slice(before).includes('connected'));
    const connection = this.endpoint.pickReady();
    assert.ok(connection);
    return connection;
  }
}

test('an endpoint has worked once a connection was ready', async (t) => {
  const watched = new Watched(t, await started(t));
  assert.equal(watched.endpoint.hasWorked, false);
  await watched.connects();
  assert.equal(watched.endpoint.hasWorked, true);
});

async function started(t: TestContext, options = {}): Promise<RawServer> {
  const server = await startRawServer(options);
  t.after(() => server.close());
  return server;
}

async function down(): Promise<RawServer> {
  const server = await startSocketServer(() => undefined);
  server.close();
  return server;
}

test('it is dialled when it is wanted, once', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server);
  assert.equal(watched.endpoint.pickReady(), undefined);
  assert.deepEqual([watched.seeks(), watched.seeks()], [true, true]);
  await watched.until('it is connected', () => watched.log.length > 0);
  await nextTurns(4);
  assert.deepEqual([watched.log, server.peers.length], [['connected'], 1]);
});

test('another connection is dialled when the first is full, up to max; then there is a stream to wait for', async (t) => {
  const server = await started(t, oneStream);
  const watched = new Watched(t, server);
  const first = new CallOnConnection(await watched.connects());
  const second = new CallOnConnection(await watched.connects());
  assert.notEqual(first.connection, second.connection);
  assert.equal(watched.endpoint.pickReady(), undefined);
  assert.equal(watched.seeks(), true);
  await nextTurns(4);
  assert.equal(server.peers.length, 2);
});

test('after a failure it is not dialled before its wait is over, and demand makes that a second', async (t) => {
  const watched = new Watched(t, await down());
  for (let failures = 1; failures <= 8; failures++) {
    assert.equal(watched.seeks(), true);
    await watched.until('it fails', () => watched.log.length === failures);
    assert.equal(watched.endpoint.lastFailure?.token, 'upstream_connection_refused');
    assert.equal(watched.seeks(), false);
    watched.nowMs += 700;
    assert.equal(watched.seeks(), false);
    watched.nowMs += 300;
  }
});

test('once it is reached its failures are forgotten', async (t) => {
  const gone = await down();
  const watched = new Watched(t, gone);
  watched.seeks();
  await watched.until('it fails', () => watched.log.length === 1);
  const server = await startRawServer({ port: gone.port });
  t.after(() => server.close());
  watched.nowMs += 1200;
  await watched.connects();
  assert.equal(watched.endpoint.lastFailure, undefined);
});

test('a draining connection does not count against max', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server, 1);
  const call = new CallOnConnection(await watched.connects());
  await watched.until('the request is there', () => server.requests.length === 1);
  server.peers[0].send(goAwayFrame(1, 0, 'max_age'));
  await watched.until('it is retired', () => watched.log.includes('retired: GOAWAY: max_age'));
  assert.equal(watched.endpoint.pickReady(), undefined);
  const next = await watched.connects();
  assert.notEqual(next, call.connection);
  server.requests[0].succeed();
  await watched.until('the call is answered', () => call.end === 'answered');
});

test('a violation is told, and the endpoint can be dialled again at once', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server);
  await watched.connects();
  server.peers[0].sendData(0, Buffer.alloc(1));
  await watched.until('it is retired', () => watched.log.length === 3);
  assert.equal(watched.log[1], 'data_on_connection');
  assert.match(watched.log[2], /^retired: /);
  assert.equal(watched.seeks(), true);
});

test('one that breaks a rule on each connection is said to do that, and not to give its connections up', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server);
  const reasons = (): readonly string[] => watched.log.filter((line) => line.startsWith('retired: '));
  for (let round = 1; round <= 2; round++) {
    await watched.connects();
    const peer = server.peers[round - 1];
    peer.send(Buffer.from('9cb1f6e2b7a31c0db0', 'hex'));
    peer.socket.end();
    await watched.until('it is retired', () => reasons().length === round);
  }
  const { lastFailure } = watched.endpoint;
  assert.equal(lastFailure?.token, 'upstream_http2_violation');
  assert.match(
    lastFailure.sentence,
    /so this proxy ended the connection \(.*FRAME_SIZE_ERROR, frame_too_large\)\)/,
  );
  for (const reason of reasons())
    assert.match(reason, /^retired: this proxy ended it because of a violation: .*frame_too_large\)$/);
});

test('one that lets go of its connections unused is dialled with pauses, and said to do so', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server);
  for (let round = 1; round <= 2; round++) {
    assert.equal(watched.endpoint.lastFailure, undefined);
    await watched.connects();
    server.peers[round - 1].send(goAwayFrame(0, 0));
    await watched.until('it is retired', () => watched.log.length >= 2 * round);
  }
  assert.equal(watched.log.filter((line) => line === 'upstream_connections_unused').length, 1);
  watched.log.length = 0;
  assert.equal(watched.seeks(), false);
  assert.notEqual(watched.endpoint.lastFailure, undefined);
  watched.nowMs += 1200;
  const connection = await watched.connects();
  connection.hasServed = true;
  server.peers[2].send(goAwayFrame(0, 0));
  await watched.until('it is retired', () => watched.log.length === 2);
  assert.equal(watched.seeks(), true, 'it has served: no pause');
});

test('closed it keeps no connection that has no calls, says nothing of it, and running calls finish', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server);
  const call = new CallOnConnection(await watched.connects());
  watched.log.length = 0;
  watched.endpoint.close();
  watched.endpoint.close();
  await watched.until('the request is there', () => server.requests.length === 1);
  server.requests[0].succeed();
  await watched.until('the socket is closed', () => server.peers[0].isClosed);
  assert.deepEqual([call.end, watched.log], ['answered', []]);
  assert.equal(watched.endpoint.pickReady(), undefined);
});

test('where memory is short it keeps one connection and those with calls, and the endpoint is as good as before', async (t) => {
  const server = await started(t, oneStream);
  const watched = new Watched(t, server, 3);
  const calls = [
    new CallOnConnection(await watched.connects()),
    new CallOnConnection(await watched.connects()),
    new CallOnConnection(await watched.connects()),
  ];
  await watched.until('the requests are there', () => server.requests.length === 3);
  server.requests[0].succeed();
  server.requests[1].succeed();
  await watched.until('two are answered', () => calls.filter(({ end }) => end === 'answered').length === 2);
  watched.log.length = 0;
  watched.endpoint.shrink();
  await watched.until('a socket is closed', () => server.peers[1].isClosed);
  assert.deepEqual([server.peers[0].isClosed, server.peers[2].isClosed, watched.log], [false, false, []]);
  server.requests[2].succeed();
  await watched.until('the last is answered', () => calls[2].end === 'answered');
  assert.equal(watched.endpoint.lastFailure, undefined);
  assert.equal(watched.endpoint.pickReady(), calls[0].connection);
});

test('closed while it connects, it serves who waits and then lets go', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server);
  assert.equal(watched.seeks(), true);
  watched.endpoint.close();
  await watched.until('it was connected', () => watched.log.includes('connected'));
  await watched.until('the socket is closed', () => server.peers.some(({ isClosed }) => isClosed));
  assert.equal(watched.endpoint.lastFailure, undefined);
});

test('no longer configured while it connects, it gives that up and blames nobody', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server);
  assert.equal(watched.seeks(), true);
  watched.endpoint.leave();
  assert.deepEqual([watched.endpoint.isGone, watched.log], [true, []]);
  await watched.until('the socket is closed', () => server.peers.every(({ isClosed }) => isClosed));
  assert.deepEqual([watched.log, watched.endpoint.lastFailure], [[], undefined]);
});

test('that it has gone silent is told before its connection, and that it answers again in the same way', async (t) => {
  const watched = new Watched(t, await started(t));
  const connection = await watched.connects();
  const call = new CallOnConnection(connection);
  connection.onSilent(40_000);
  await watched.until('the connection is retired', () => watched.log.length === 3);
  assert.deepEqual(watched.log.slice(0, 2), ['connected', 'reach: upstream_silent']);
  assert.deepEqual([call.end, watched.endpoint.isUsable], ['lost', false]);
  const again = await watched.connects();
  watched.endpoint.onAnswered(again);
  assert.equal(watched.log.at(-1), 'reach: answers');
  assert.equal(watched.endpoint.isUsable, true);
});

test('it is in doubt while it owes an answer on each of its connections', async (t) => {
  const watched = new Watched(t, await started(t));
  assert.equal(watched.endpoint.isInDoubt, false, 'without a connection nothing is asked');
  const connection = await watched.connects();
  assert.equal(watched.endpoint.isInDoubt, false);
  connection.onDoubt();
  assert.deepEqual(watched.log, ['connected'], 'not while another of its connections answers');
  t.mock.getter(connection, 'isInDoubt', () => true);
  const doubt = { silentMs: 6000, askedMs: 1000, endsInMs: 14_000 };
  t.mock.getter(connection, 'doubt', () => doubt);
  assert.equal(watched.endpoint.isInDoubt, true);
  assert.equal(watched.endpoint.doubt, doubt);
  connection.onDoubt();
  assert.deepEqual(watched.log, ['connected', 'in doubt']);
  await watched.until(
    'another is dialled',
    () => watched.seeks() && watched.endpoint.pickReady() !== undefined,
  );
  assert.equal(watched.endpoint.isInDoubt, false);
});

test('it was heard last on the connections that new calls may use', async (t) => {
  const watched = new Watched(t, await started(t));
  assert.equal(watched.endpoint.heardAtMs, undefined, 'without a connection');
  const first = await watched.connects();
  const inDoubt = t.mock.getter(first, 'isInDoubt', () => true);
  await watched.until(
    'another is dialled',
    () => watched.seeks() && watched.endpoint.pickReady() !== undefined,
  );
  const second = watched.endpoint.pickReady();
  assert.ok(second !== undefined && second !== first);
  t.mock.getter(first, 'heardAtMs', () => 2000);
  t.mock.getter(second, 'heardAtMs', () => 1000);
  assert.equal(watched.endpoint.heardAtMs, 1000, 'not on one that owes an answer');
  inDoubt.mock.restore();
  assert.equal(watched.endpoint.heardAtMs, 2000);
  t.mock.getter(second, 'heardAtMs', () => 3000);
  assert.equal(watched.endpoint.heardAtMs, 3000, 'the newest, whichever connection is the oldest');
  for (const one of [first, second]) t.mock.getter(one, 'isInDoubt', () => true);
  assert.equal(watched.endpoint.heardAtMs, undefined, 'no connection gets calls');
});

test('connections of one that gets no new calls are shown as draining, and as ready when it comes back', async (t) => {
  const watched = new Watched(t, await started(t));
  const call = new CallOnConnection(await watched.connects());
  watched.endpoint.leave();
  assert.deepEqual(watched.endpoint.connectionCounts, { connecting: 0, ready: 0, draining: 1 });
  watched.endpoint.comeBack();
  assert.deepEqual(watched.endpoint.connectionCounts, { connecting: 0, ready: 1, draining: 0 });
  call.finish('done');
  assert.equal(watched.endpoint.isPickable, true);
  watched.endpoint.leave();
  assert.equal(watched.endpoint.isGone, true);
});

test('its calls can be counted elsewhere, those included that were given up and still run', async (t) => {
  const watched = new Watched(t, await started(t));
  const connection = await watched.connects();
  const [shares, others] = [new ClientShares<never>(1, () => 10), new ClientShares<never>(1, () => 10)];
  const owner = { ...IGNORING_OWNER, holding: shares.holdingOf('192.0.2.1', undefined, false) };
  owner.holding.take();
  connection.openStream(owner);
  watched.endpoint.countCallsIn(others);
  assert.deepEqual([shares.heldCount, others.heldCount, owner.holding.key], [0, 1, '192.0.2.1']);
});

test('destroyed while it connects and while it drains, everything ends and nothing is told', async (t) => {
  const server = await started(t);
  const connecting = new Watched(t, server);
  connecting.seeks();
  connecting.endpoint.destroy('stopped');
  const draining = new Watched(t, server);
  const call = new CallOnConnection(await draining.connects());
  draining.endpoint.close();
  draining.log.length = 0;
  draining.endpoint.destroy('stopped');
  draining.endpoint.destroy('stopped');
  assert.equal(call.end, 'lost');
  await draining.until('all sockets are closed', () => server.peers.every(({ isClosed }) => isClosed));
  assert.deepEqual([connecting.log, draining.log], [[], []]);
});

test('it is failing while it waits to be tried again and while it is tried, and not when nothing is known of it', async (t) => {
  const gone = await down();
  const watched = new Watched(t, gone);
  const { endpoint } = watched;
  assert.equal(endpoint.isFailing, false);
  watched.seeks();
  assert.equal(endpoint.isFailing, false);
  await watched.until('it fails', () => watched.log.length === 1);
  assert.equal(endpoint.isFailing, true);
  watched.nowMs += 1300;
  assert.equal(endpoint.isFailing, false);
  watched.seeks();
  assert.equal(endpoint.isFailing, true);
  await watched.until('it fails again', () => watched.log.length === 2);
  const server = await startRawServer({ port: gone.port });
  t.after(() => server.close());
  watched.nowMs += 3000;
  await watched.connects();
  assert.equal(endpoint.isFailing, false);
});

test('its connections are counted by their state', async (t) => {
  const server = await started(t);
  const watched = new Watched(t, server);
  const { endpoint } = watched;
  assert.deepEqual(endpoint.connectionCounts, { connecting: 0, ready: 0, draining: 0 });
  watched.seeks();
  assert.deepEqual(endpoint.connectionCounts, { connecting: 1, ready: 0, draining: 0 });
  await watched.until('it is connected', () => watched.log.length > 0);
  assert.deepEqual(endpoint.connectionCounts, { connecting: 0, ready: 1, draining: 0 });
  const connection = endpoint.pickReady();
  assert.ok(connection);
  const call = new CallOnConnection(connection);
  server.peers[0].send(goAwayFrame(call.stream.id, 0));
  await watched.until('it is draining', () => endpoint.connectionCounts.draining === 1);
  assert.deepEqual(endpoint.connectionCounts, { connecting: 0, ready: 0, draining: 1 });
  call.finish('cancelled');
  await watched.until('it is gone', () => endpoint.connectionCounts.draining === 0);
});
