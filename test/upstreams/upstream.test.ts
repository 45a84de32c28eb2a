// Which connection a call is given, who waits, in which order they are served, and what they are told when none comes.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { UpstreamConnectionsConfig } from '../../src/config/upstream-config.ts';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { SettingId } from '../../src/h2/settings.ts';
import type { Holding } from '../../src/upstreams/holding.ts';
import type { Http2Endpoint } from '../../src/upstreams/http2/http2-endpoint.ts';
import { http2Upstream } from '../../src/upstreams/http2/http2-upstream.ts';
import type { UpstreamConnection } from '../../src/upstreams/http2/upstream-connection.ts';
import type { Upstream } from '../../src/upstreams/upstream.ts';
import type { Waiter } from '../../src/upstreams/waiter.ts';
import { eventually } from '../support/eventually.ts';
import { LOCAL_SETTINGS } from '../support/local-settings.ts';
import { nextTurns } from '../support/memory-socket.ts';
import { goAwayFrame } from '../support/raw-frames.ts';
import {
  type RawServer,
  type RawServerOptions,
  startRawServer,
  startSocketServer,
} from '../support/raw-server.ts';
import { addressOf, CallOnConnection, NO_UPSTREAM_EVENTS, pick } from '../support/upstream-events.ts';

const oneStream = { settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]] } as const;

class Waiting implements Waiter<Http2Endpoint> {
  readonly traits = { hash: undefined, method: '/a.B/C' };
  readonly tried: readonly Http2Endpoint[] = [];
  readonly holding: Holding;
  call: CallOnConnection | undefined = undefined;
  told = '';

  constructor(upstream: Upstream<Http2Endpoint>, client = '192.0.2.1') {
    this.holding = upstream.shares.holdingOf(client, undefined, false);
  }

  onEndpoint(endpoint: Http2Endpoint): void {
    assert.equal(this.told, '', 'told twice');
    this.told = 'connection';
    const connection = endpoint.pickReady();
    assert.ok(connection);
    this.call = new CallOnConnection(connection);
  }

  forgetTried(): void {
    // It has tried none.
  }

  onUnavailable({ token }: Diagnosis): void {
    assert.equal(this.told, '', 'told twice');
    this.told = token;
  }
}

class Group {
  readonly upstream: Upstream<Http2Endpoint>;
  readonly log: string[] = [];
  readonly limited: string[] = [];

  constructor(
    t: TestContext,
    servers: readonly RawServer[],
    connections: Partial<UpstreamConnectionsConfig> = {},
    streams?: number,
  ) {
    const config = {
      name: 'voice',
      protocol: 'h2c',
      endpoints: servers.map((server) => endpointAt(addressOf(server))),
      balance: 'round-robin',
      connections: { connectTimeoutMs: 60_000, max: 1, maxPending: 100, ...connections },
      limits: { streams, retries: 0.2 },
    } as const;
    this.upstream = http2Upstream(config, LOCAL_SETTINGS, {
      ...NO_UPSTREAM_EVENTS,
      onConnected: ({ address }) => this.log.push(`connected ${address.text}`),
      onConnectFailed: (_endpoint, { token }) => this.log.push(token),
      onRetired: (_endpoint, reason) => this.log.push(`retired: ${reason}`),
      onViolation: (_endpoint, { token }) => this.log.push(token),
      onClientAtFault: (_endpoint, client) => this.log.push(`at fault: ${client}`),
      onFault: (layer) => this.log.push(`fault: ${layer}`),
      onGaveWay: (client) => this.log.push(`gave way: ${client}`),
      onLimit: (limit, most) => this.limited.push(`${limit} ${most}`),
    });
    t.after(() => this.upstream.destroy('the test is over'));
  }

  waits(client?: string): Waiting {
    const waiting = new Waiting(this.upstream, client);
    this.upstream.wait(waiting);
    return waiting;
  }

  /** A call that waits, and whose place is counted from when it has one. */
  counted(): Waiting {
    const waiting = new Waiting(this.upstream);
    const serve = waiting.onEndpoint.bind(waiting);
    waiting.onEndpoint = (endpoint) => {
      waiting.holding.take();
      serve(endpoint);
    };
    this.upstream.wait(waiting);
    return waiting;
  }

  /** A call that is running. */
  async runs(): Promise<CallOnConnection> {
    const waiting = this.waits();
    return eventually('it has a connection', () => waiting.call);
  }
}

async function started(t: TestContext, options: RawServerOptions = {}): Promise<RawServer> {
  const server = await startRawServer(options);
  t.after(() => server.close());
  return server;
}

async function down(): Promise<RawServer> {
  const server = await startSocketServer(() => undefined);
  server.close();
  return server;
}

test('the first call dials and waits, and the next are given the connection at once', async (t) => {
  const server = await started(t);
  const { upstream, ...group } = new Group(t, [server]);
  assert.equal(pick(upstream), undefined);
  const waiting = new Waiting(upstream);
  upstream.wait(waiting);
  assert.equal(upstream.pendingCount, 1);
  await eventually('it is served', () => waiting.told !== '');
  assert.equal(waiting.told, 'connection');
  assert.equal(upstream.pendingCount, 0);
  assert.equal(pick(upstream), waiting.call?.connection);
  assert.deepEqual([group.log, server.peers.length], [[`connected ${server.address}`], 1]);
});

test('endpoints take turns, and one without room is passed over', async (t) => {
  const servers = [await started(t), await started(t), await started(t, oneStream)];
  const group = new Group(t, servers);
  assert.equal(pick(group.upstream), undefined, 'and all are dialled');
  await eventually('all are connected', () => group.log.length === 3);
  const picks = (count: number): (string | undefined)[] =>
    Array.from({ length: count }, () => pick(group.upstream)?.endpoint);
  const [a, b, c] = servers.map(({ address }) => address);
  assert.deepEqual(picks(7), [a, b, c, a, b, c, a]);
  assert.equal(pick(group.upstream)?.endpoint, b);
  const full = pick(group.upstream);
  assert.equal(full?.endpoint, c);
  CallOnConnection.on(full);
  assert.deepEqual(picks(4), [a, b, a, b]);
});

test('of one endpoint the oldest connection with room is taken', async (t) => {
  const server = await started(t, oneStream);
  const group = new Group(t, [server], { max: 2 });
  const first = await group.runs();
  const second = await group.runs();
  assert.notEqual(second.connection, first.connection);
  second.finish('done');
  first.finish('done');
  await eventually('the oldest has room again', () => pick(group.upstream) === first.connection);
});

test('those that wait get one connection after the other, however little time passes', async (t) => {
  const group = new Group(t, [await started(t, oneStream)], { max: 8 });
  const waiting = Array.from({ length: 8 }, () => group.waits());
  t.mock.method(performance, 'now', () => 1_000_000);
  for (let turn = 0; waiting.some(({ told }) => told === ''); turn++) {
    assert.ok(turn < 100_000, `never happened: ${group.log.join()}`);
    await nextTurns(1);
  }
  assert.equal(new Set(waiting.map(({ call }) => call?.connection)).size, 8);
});

test('those that wait are served in order, one for each stream that becomes free', async (t) => {
  const group = new Group(t, [await started(t, oneStream)]);
  let running = await group.runs();
  const waiting = [group.waits(), group.waits(), group.waits()];
  for (const [index, next] of waiting.entries()) {
    running.finish('done');
    // When the endpoint has read the reset.
    await eventually('it is served', () => next.told !== '');
    assert.deepEqual(
      waiting.map(({ told }) => told !== ''),
      waiting.map((_, other) => other <= index),
    );
    assert.ok(next.call);
    running = next.call;
  }
});

test('one that stopped waiting is never told, and the next has its turn', async (t) => {
  const group = new Group(t, [await started(t, oneStream)]);
  const running = await group.runs();
  const [stopped, next] = [group.waits(), group.waits()];
  group.upstream.stopWaiting(stopped);
  group.upstream.stopWaiting(stopped);
  running.finish('done');
  await eventually('the next is served', () => next.told !== '');
  assert.deepEqual([stopped.told, next.told], ['', 'connection']);
});

test('one that ends as soon as it is served does not keep the rest waiting', async (t) => {
  const group = new Group(t, [await started(t, oneStream)]);
  const running = await group.runs();
  const hasty = new Waiting(group.upstream);
  hasty.onEndpoint = (endpoint) => {
    hasty.told = 'connection';
    const connection = endpoint.pickReady();
    assert.ok(connection);
    new CallOnConnection(connection).finish('done at once');
  };
  group.upstream.wait(hasty);
  const next = group.waits();
  running.finish('done');
  await eventually('the next is served', () => next.told !== '');
  assert.deepEqual([hasty.told, next.told], ['connection', 'connection']);
});

test('a fault of ours in the look at places is told, and ends nothing', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const group = new Group(t, [await started(t)]);
  group.waits();
  Object.defineProperty(group.upstream.shares, 'isScarce', {
    get: () => {
      throw new Error('a fault of ours');
    },
  });
  t.mock.timers.tick(2000);
  assert.deepEqual(group.log, ['fault: upstream', 'fault: upstream']);
});

test('beyond maxPending nobody waits', async (t) => {
  const group = new Group(t, [await started(t, oneStream)], { maxPending: 2 });
  const running = await group.runs();
  const waiting = [group.waits(), group.waits(), group.waits()];
  assert.deepEqual(
    waiting.map(({ told }) => told),
    ['', '', 'upstream_queue_full'],
  );
  running.finish('done');
  await eventually('the first is served', () => waiting[0].told !== '');
  assert.equal(group.waits().told, '', 'there is a place again');
});

test('beyond limits.streams a call is refused at once, and admitted when one has ended', async (t) => {
  const group = new Group(t, [await started(t)], {}, 2);
  const waiting = group.waits();
  const running = [await eventually('it is served', () => waiting.call), await group.runs()];
  const holding = group.upstream.shares.holdingOf('', undefined, false);
  for (const _ of running) holding.take();
  assert.equal(group.upstream.pickFor(holding, []), undefined);
  assert.equal(group.waits().told, 'upstream_streams_full');
  assert.equal(group.upstream.pendingCount, 0);
  holding.give();
  assert.ok(group.upstream.pickFor(holding, []));
});

test('a call that waits behind limits.streams is served as soon as one ends, also one on a connection that drains', async (t) => {
  // Without the look at places each second.
  t.mock.timers.enable({ apis: ['setInterval'] });
  for (const drains of [false, true]) {
    const server = await started(t);
    const group = new Group(t, [server], {}, 1);
    // All of them wait before there is a connection, and so before the limit is reached.
    const [running, next, last] = [group.counted(), group.counted(), group.counted()];
    const call = await eventually('it is served', () => running.call);
    assert.deepEqual([next.told, last.told], ['', '']);
    if (drains) {
      await server.wantRequest();
      server.peers[0].send(goAwayFrame(1, 0));
      await eventually('the next connection is ready', () => group.log.length === 3);
      assert.deepEqual([next.told, server.peers.length], ['', 2]);
    }
    running.holding.give();
    call.finish('done');
    assert.deepEqual([next.told, last.told], ['connection', ''], `drains: ${drains}`);
    next.holding.give();
    next.call?.finish('done');
    assert.equal(last.told, 'connection');
  }
});

test('where every endpoint is down, those that wait are told why, and later ones at once', async (t) => {
  const group = new Group(t, [await down(), await down()]);
  const waiting = [group.waits(), group.waits()];
  await eventually('they are told', () => waiting[1].told !== '');
  for (const { told } of waiting) assert.equal(told, 'upstream_connection_refused');
  assert.equal(group.waits().told, 'upstream_connection_refused');
  assert.equal(group.upstream.pendingCount, 0);
  assert.deepEqual(group.log, ['upstream_connection_refused', 'upstream_connection_refused']);
});

test('where there are no endpoints nobody waits: those that do are told when the last one leaves, and later ones at once', async (t) => {
  const silent = await startSocketServer(() => undefined);
  t.after(() => silent.close());
  const group = new Group(t, [silent]);
  const waiting = [group.waits(), group.waits()];
  assert.deepEqual([group.upstream.pendingCount, group.upstream.whyWaiting.by], [2, 'service']);
  const none = { token: 'upstream_name_unresolved', sentence: 'DNS knows no such name.' };
  group.upstream.use([], none);
  for (const { told } of waiting) assert.equal(told, none.token);
  assert.equal(group.waits().told, none.token);
  assert.equal(group.upstream.pendingCount, 0);
});

test('while one endpoint may still connect, the failure of another is not told', async (t) => {
  const server = await started(t);
  const group = new Group(t, [await down(), server]);
  const waiting = group.waits();
  await eventually('it is told', () => waiting.told !== '');
  assert.equal(waiting.call?.connection.endpoint, server.address);
});

test('an endpoint that was down is dialled again when its wait is over', async (t) => {
  let nowMs = 1_000_000;
  t.mock.method(performance, 'now', () => nowMs);
  const gone = await down();
  const group = new Group(t, [gone]);
  const first = group.waits();
  for (let turn = 0; first.told === '' && turn < 10_000; turn++) await nextTurns(1);
  assert.equal(group.waits().told, 'upstream_connection_refused');
  await started(t, { port: gone.port });
  nowMs += 1200;
  const again = group.waits();
  assert.equal(again.told, '');
  for (let turn = 0; again.told === '' && turn < 10_000; turn++) await nextTurns(1);
  assert.equal(again.told, 'connection');
});

test('a call that waits is never given a connection that is lost', async (t) => {
  const breaks: Record<string, (server: RawServer) => void> = {
    closed: ({ peers }) => peers[0].socket.end(),
    reset: ({ peers }) => peers[0].socket.resetAndDestroy(),
    violated: ({ peers }) => peers[0].sendData(0, Buffer.alloc(1)),
  };
  for (const [how, breakIt] of Object.entries(breaks)) {
    const server = await started(t, oneStream);
    const group = new Group(t, [server]);
    const running = await group.runs();
    const waiting = group.waits();
    await server.wantRequest();
    breakIt(server);
    await eventually('the next is served', () => waiting.told !== '');
    assert.deepEqual([running.end, waiting.told, waiting.call?.end], ['lost', 'connection', ''], how);
    assert.notEqual(waiting.call?.connection, running.connection, how);
  }
});

test('a lost connection is never picked, from the moment its streams are told', async (t) => {
  const server = await started(t);
  const group = new Group(t, [server]);
  const running = await group.runs();
  let picked: UpstreamConnection | undefined;
  running.onConnectionLost = () => {
    picked = pick(group.upstream);
    running.finish('lost');
  };
  await server.wantRequest();
  server.peers[0].sendData(0, Buffer.alloc(1));
  await eventually('the call is lost', () => running.end !== '');
  assert.equal(picked, undefined);
});

test('close() lets running and waiting calls finish, and then the connection ends', async (t) => {
  const server = await started(t, oneStream);
  const group = new Group(t, [server], { max: 1 });
  const running = await group.runs();
  const waiting = group.waits();
  group.upstream.close();
  group.upstream.close();
  assert.equal(waiting.told, '');
  (await server.wantRequest(0)).succeed();
  await eventually('the call ends', () => running.end !== '');
  (await server.wantRequest(1)).succeed();
  await eventually('the call that waited ends', () => waiting.call?.end === 'answered');
  assert.equal(running.end, 'answered');
  await server.peers[0].wantClosed();
  assert.equal(server.peers.length, 1);
});

test('close() ends idle connections, and a call that still has an attempt to make gets one of its own', async (t) => {
  const server = await started(t, oneStream);
  const group = new Group(t, [server]);
  const first = await group.runs();
  (await server.wantRequest(0)).succeed();
  await eventually('the call ends', () => first.end !== '');
  group.upstream.close();
  await server.peers[0].wantClosed();
  const late = group.waits();
  (await server.wantRequest(1)).succeed();
  await eventually('the late call ends', () => late.call?.end === 'answered');
  await server.peers[1].wantClosed();
});

test('destroy() ends everything now, what connects included', async (t) => {
  const server = await started(t, oneStream);
  const group = new Group(t, [server], { max: 2 });
  const running = await group.runs();
  const waiting = group.waits();
  group.upstream.destroy('stopped');
  group.upstream.destroy('stopped');
  assert.deepEqual([running.end, waiting.told], ['lost', 'upstream_closed']);
  assert.equal(pick(group.upstream), undefined);
  await server.peers[0].wantClosed();
  assert.equal(group.waits().told, 'upstream_closed');
});

test('what each of its limits refuses is told, and how full they are', async (t) => {
  const group = new Group(t, [await started(t)], { maxPending: 1 }, 1);
  const first = group.waits();
  assert.equal(group.waits().told, 'upstream_queue_full');
  await eventually('it is served', () => first.call);
  first.holding.take();
  assert.equal(group.waits().told, 'upstream_streams_full');
  const { retries } = group.upstream.shares;
  while (retries.take(first.holding));
  retries.refuse('voice', first.holding);
  assert.deepEqual(group.limited, ['pending 1', 'streams 1', 'retries 20']);
  assert.deepEqual(group.upstream.limits, {
    streams: { used: 1, most: 1 },
    pending: { used: 0, most: 1 },
    retries: { used: 20, most: 20 },
  });
});
