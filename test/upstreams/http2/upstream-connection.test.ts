// One connection from dialling to its end, against servers that behave and servers that do not.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Address } from '../../../src/config/address.ts';
import { ErrorCode } from '../../../src/h2/error-codes.ts';
import { FrameType } from '../../../src/h2/frame-type.ts';
import { SettingId } from '../../../src/h2/settings.ts';
import { ClientAccount } from '../../../src/upstreams/client-account.ts';
import { ClientShares } from '../../../src/upstreams/client-shares.ts';
import { KeepalivePace } from '../../../src/upstreams/http2/keepalive.ts';
import { UpstreamConnection } from '../../../src/upstreams/http2/upstream-connection.ts';
import { eventually } from '../../support/eventually.ts';
import * as frames from '../../support/frames.ts';
import { LOCAL_SETTINGS } from '../../support/local-settings.ts';
import { nextTurns } from '../../support/memory-socket.ts';
import { goAwayFrame, settingsFrame } from '../../support/raw-frames.ts';
import type { ReceivedFrame } from '../../support/raw-peer.ts';
import {
  type RawRequest,
  type RawServer,
  type RawServerOptions,
  startRawServer,
  startSocketServer,
} from '../../support/raw-server.ts';
import { IGNORING_OWNER } from '../../support/recorded-stream.ts';
import { addressOf, CallOnConnection, ConnectionLog, REQUEST } from '../../support/upstream-events.ts';

const TIMEOUT_MS = 60_000;

const OTHERS_HAVE_PLACES = new ClientShares<never>(1, () => Number.POSITIVE_INFINITY);
OTHERS_HAVE_PLACES.holdingOf('other', undefined, false).take();

class Dialled {
  readonly events = new ConnectionLog();
  readonly connection: UpstreamConnection;

  constructor(t: TestContext, address: Address, pace?: KeepalivePace) {
    const terms = { settings: LOCAL_SETTINGS, connectTimeoutMs: TIMEOUT_MS, pace };
    this.connection = new UpstreamConnection(address, terms, this.events);
    t.after(async () => {
      this.connection.destroy('the test is over');
      await this.closed();
      await nextTurns(4);
    });
  }

  /** Resolves to everything told so far once this line is among it. */
  async told(line: string): Promise<string[]> {
    const { log } = this.events;
    await eventually(`told ${line}, instead of ${log.join()}`, () => log.includes(line));
    return log.splice(0);
  }

  async closed(): Promise<void> {
    await eventually('it is closed', () => this.connection.state === 'closed');
  }
}

async function dial(
  t: TestContext,
  server: Promise<RawServer>,
): Promise<Dialled & { readonly server: RawServer }> {
  const running = await server;
  t.after(() => running.close());
  return Object.assign(new Dialled(t, addressOf(running)), { server: running });
}

async function ready(t: TestContext, options: RawServerOptions = {}): ReturnType<typeof dial> {
  const dialled = await dial(t, startRawServer(options));
  await dialled.told('ready (ready)');
  return dialled;
}

async function sendSettingsSlowly(socket: Socket): Promise<void> {
  socket.setNoDelay(true);
  for (const byte of settingsFrame([])) {
    socket.write(Buffer.from([byte]));
    await nextTurns();
  }
}

const oneStream = [[SettingId.MAX_CONCURRENT_STREAMS, 1]] as const;

/** Whether the endpoint has read so far. */
function isQuestion({ type, flags, payload }: ReceivedFrame): boolean {
  return type === FrameType.SETTINGS && flags === 0 && payload.length === 0;
}

test('it is ready when SETTINGS are here, and takes as many streams as the peer allows', async (t) => {
  const dialled = await dial(t, startRawServer({ settings: oneStream }));
  const { connection } = dialled;
  assert.deepEqual([connection.state, connection.hasCapacity], ['connecting', false]);
  assert.deepEqual(await dialled.told('ready (ready)'), ['ready (ready)']);
  assert.equal(connection.hasCapacity, true);
  const call = new CallOnConnection(connection);
  assert.deepEqual([connection.activeStreams, connection.hasCapacity], [1, false]);
  (await dialled.server.wantRequest()).succeed();
  await eventually('the call ends', () => call.end === 'answered');
  assert.ok(dialled.events.capacityTold > 0);
  assert.deepEqual([connection.activeStreams, connection.hasCapacity], [0, true]);
});

test('a peer that raises its limit has capacity again', async (t) => {
  const { connection, server, events } = await ready(t, { settings: oneStream });
  CallOnConnection.on(connection);
  let hadCapacity = false;
  events.onCapacity = () => {
    hadCapacity = connection.hasCapacity;
  };
  server.peers[0].send(settingsFrame([[SettingId.MAX_CONCURRENT_STREAMS, 2]]));
  await eventually('capacity is told', () => hadCapacity);
});

test('the place of a stream that we have reset is free when the endpoint has read the reset, and says so', async (t) => {
  const { connection, server, events } = await ready(t, { settings: oneStream, answersSettings: false });
  const [peer] = server.peers;
  const call = CallOnConnection.on(connection);
  await server.wantRequest();
  connection.endStream(call.stream, ErrorCode.CANCEL);
  assert.deepEqual([connection.activeStreams, connection.hasCapacity], [0, false]);
  await peer.want('the question', isQuestion);
  const types = peer.frames.map(({ type }) => type);
  assert.ok(types.indexOf(FrameType.RST_STREAM) < types.lastIndexOf(FrameType.SETTINGS), types.join());
  // Our first SETTINGS say nothing of the reset.
  peer.send(frames.settingsAcknowledgement(), frames.ping());
  await peer.want('the answer to PING', ({ type }) => type === FrameType.PING);
  assert.equal(connection.hasCapacity, false);
  events.capacityTold = 0;
  peer.send(frames.settingsAcknowledgement());
  await eventually('capacity is told', () => events.capacityTold > 0);
  assert.equal(connection.hasCapacity, true);
});

test('a limit that is lowered when a stream was reset does not leave the place in doubt', async (t) => {
  const { connection, server } = await ready(t);
  const call = CallOnConnection.on(connection);
  await server.wantRequest();
  connection.endStream(call.stream, ErrorCode.CANCEL);
  server.peers[0].send(settingsFrame(oneStream));
  await server.peers[0].want('the question', isQuestion);
  await eventually('the place is there', () => connection.unreadCount === 0 && connection.hasCapacity);
  assert.equal(connection.activeStreams, 0);
});

test('a response to a later stream frees the place of one that was reset, without a question', async (t) => {
  const limit = [[SettingId.MAX_CONCURRENT_STREAMS, 8]] as const;
  const { connection, server } = await ready(t, { settings: limit, answersSettings: false });
  const reset = CallOnConnection.on(connection);
  await server.wantRequest();
  connection.endStream(reset.stream, ErrorCode.CANCEL);
  assert.equal(connection.unreadCount, 1);
  for (let count = 1; count <= 2; count++) {
    const call = CallOnConnection.on(connection);
    const request = await server.wantRequest(count);
    call.onResponse = (_list, endStream) => {
      connection.noteResponse(call.stream);
      if (endStream) call.finish('answered');
    };
    request.succeed();
    await eventually('it is answered', () => call.end === 'answered');
  }
  assert.equal(connection.unreadCount, 0);
  assert.ok(!server.peers[0].frames.some(isQuestion));
});

test('SETTINGS that come byte by byte are understood', async (t) => {
  const dialled = await dial(
    t,
    startSocketServer((socket) => void sendSettingsSlowly(socket)),
  );
  await dialled.told('ready (ready)');
});

test('an endpoint that refuses is named so', async (t) => {
  const server = await startSocketServer(() => undefined);
  server.close();
  const dialled = new Dialled(t, addressOf(server));
  await dialled.closed();
  assert.deepEqual(dialled.events.log, ['failed (closed): upstream_connection_refused']);
});

test('a unix socket that is not there is named so', async (t) => {
  const path = '/nowhere/at/all.sock';
  const dialled = new Dialled(t, { kind: 'unix', path, text: `unix:${path}` });
  await dialled.closed();
  assert.deepEqual(dialled.events.log, ['failed (closed): upstream_socket_missing']);
});

test('an endpoint that takes the connection and drops it is named so', async (t) => {
  for (const drop of [(socket: Socket) => socket.destroy(), (socket: Socket) => socket.resetAndDestroy()]) {
    const dialled = await dial(t, startSocketServer(drop));
    await dialled.closed();
    assert.deepEqual(dialled.events.log, ['failed (closed): upstream_connection_reset']);
  }
});

test('an endpoint that begins with broken SETTINGS has broken a rule, and not the connection', async (t) => {
  const dialled = await dial(
    t,
    startSocketServer((socket) => {
      socket.end(Buffer.from([0, 0, 3, 4, 0, 0, 0, 0, 0, 1, 2, 3]));
    }),
  );
  await dialled.closed();
  const { log, lastFailure } = dialled.events;
  assert.deepEqual(log, ['violation: settings_frame_size', 'failed (closed): upstream_http2_violation']);
  assert.match(
    lastFailure,
    /sent what HTTP\/2 forbids, so this proxy ended the connection \(SETTINGS of 3 bytes/,
  );
});

test('what is not HTTP/2 is named by what it is, once', async (t) => {
  const answers = {
    upstream_not_http2_http1: 'HTTP/1.1 400 Bad Request\r\n\r\n',
    upstream_not_http2_tls: '\u0015\u0003\u0001\u0000\u0002\u0002\u0046',
    upstream_not_http2_unknown: '220 mail.test ESMTP\r\n',
  };
  for (const [token, answer] of Object.entries(answers)) {
    const dialled = await dial(
      t,
      startSocketServer((socket) => {
        socket.write(answer, 'latin1');
        socket.end('more of it');
      }),
    );
    await dialled.closed();
    await nextTurns(4);
    assert.deepEqual(dialled.events.log, [`failed (closed): ${token}`]);
  }
});

test('one that does not answer the connection attempt is given up in time', async (t) => {
  const server = await startSocketServer(() => undefined);
  t.after(() => server.close());
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const dialled = new Dialled(t, addressOf(server));
  t.mock.timers.tick(TIMEOUT_MS - 1);
  assert.deepEqual(dialled.events.log, []);
  t.mock.timers.tick(1);
  assert.deepEqual(dialled.events.log, ['failed (closed): upstream_connect_timeout']);
  await nextTurns(4);
  assert.equal(dialled.events.log.length, 1);
});

test('one that accepts and sends no SETTINGS is given up in the same time, under another name', async (t) => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const server = await startSocketServer((socket) => socket.once('data', resolve));
  t.after(() => server.close());
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const dialled = new Dialled(t, addressOf(server));
  await promise;
  t.mock.timers.tick(TIMEOUT_MS);
  assert.deepEqual(dialled.events.log, ['failed (closed): upstream_no_settings']);
  assert.match(dialled.events.lastFailure, /is this the port of a gRPC service/);
});

test('an endpoint that has worked before and sends no SETTINGS is not taken for another port', async (t) => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const server = await startSocketServer((socket) => socket.once('data', resolve));
  t.after(() => server.close());
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const dialled = new Dialled(t, addressOf(server));
  dialled.events.hasWorked = true;
  await promise;
  t.mock.timers.tick(TIMEOUT_MS);
  assert.match(dialled.events.lastFailure, /though it has worked before: does the service hang/);
});

test('destroyed while it connects it fails once and never becomes ready', async (t) => {
  const dialled = await dial(t, startRawServer());
  dialled.connection.destroy('no more');
  dialled.connection.destroy('no more');
  await dialled.closed();
  await nextTurns(4);
  assert.deepEqual(dialled.events.log, ['failed (closed): upstream_connection_reset']);
});

test('drained while it connects it ends at once', async (t) => {
  const dialled = await dial(t, startRawServer());
  dialled.connection.drain();
  await dialled.closed();
  assert.equal(dialled.connection.hasCapacity, false);
});

test('a GOAWAY lets running streams finish and takes no new ones', async (t) => {
  const dialled = await ready(t);
  const { connection, server } = dialled;
  const call = new CallOnConnection(connection);
  const request = await server.wantRequest();
  request.peer.send(goAwayFrame(request.streamId, 0, 'max_age'));
  assert.deepEqual(await dialled.told('retired (draining): GOAWAY: max_age'), [
    'retired (draining): GOAWAY: max_age',
  ]);
  assert.deepEqual([connection.state, connection.hasCapacity], ['draining', false]);
  request.succeed();
  assert.deepEqual(await dialled.told('gone (closed)'), ['gone (closed)']);
  assert.equal(call.end, 'answered');
});

test('a GOAWAY while nothing runs closes the connection', async (t) => {
  const dialled = await ready(t);
  dialled.server.peers[0].send(goAwayFrame(0, 0));
  assert.deepEqual(await dialled.told('gone (closed)'), ['retired (draining): GOAWAY', 'gone (closed)']);
  await dialled.server.peers[0].wantClosed();
});

test('drain ends the connection when its streams are over', async (t) => {
  const dialled = await ready(t);
  const { connection, server } = dialled;
  CallOnConnection.on(connection);
  connection.drain();
  connection.drain();
  assert.equal(connection.state, 'draining');
  (await server.wantRequest()).succeed();
  assert.deepEqual(await dialled.told('gone (closed)'), [
    'retired (draining): it is not needed any more',
    'gone (closed)',
  ]);
});

test('a connection that breaks retires once, and has no capacity from the moment its streams are told', async (t) => {
  const breaks: Record<string, (server: RawServer) => void> = {
    closed: ({ peers }) => peers[0].socket.end(),
    reset: ({ peers }) => peers[0].socket.resetAndDestroy(),
    violated: ({ peers }) => peers[0].sendData(0, Buffer.alloc(1)),
  };
  for (const [how, breakIt] of Object.entries(breaks)) {
    const dialled = await ready(t);
    const { connection } = dialled;
    const call = new CallOnConnection(connection);
    let hadCapacity = false;
    dialled.events.onCapacity = () => {
      hadCapacity ||= call.end === 'lost' && connection.hasCapacity;
    };
    await dialled.server.wantRequest();
    breakIt(dialled.server);
    await dialled.closed();
    assert.deepEqual([call.end, hadCapacity], ['lost', false], how);
    assert.equal(dialled.events.log.filter((line) => line.startsWith('retired (closed)')).length, 1, how);
  }
});

/** A call of this client, begun and answered, that its client gives up. */
async function abandon(
  { connection, server }: Awaited<ReturnType<typeof ready>>,
  account: ClientAccount,
  count: number,
): Promise<readonly RawRequest[]> {
  const holding = account.holdingIn(OTHERS_HAVE_PLACES);
  const first = server.requests.length;
  for (let index = 0; index < count; index++) {
    holding.take();
    const stream = connection.openStream(IGNORING_OWNER);
    stream.sendHeaders(REQUEST, true);
    connection.endStream(stream, ErrorCode.CANCEL, holding);
  }
  await server.wantRequest(first + count - 1);
  return server.requests.slice(first);
}

/** Used up: what the client gives up runs out. */
function spentAccount(client = '192.0.2.1'): ClientAccount {
  const account = new ClientAccount(client, false);
  while (account.takeReset(performance.now()));
  return account;
}

test('a client is held to account for faults that the endpoint finds with calls that it gave up', async (t) => {
  const dialled = await ready(t);
  CallOnConnection.on(dialled.connection);
  await dialled.server.wantRequest();
  const account = spentAccount();
  const requests = await abandon(dialled, account, 110);
  for (const request of requests) request.reset(ErrorCode.PROTOCOL_ERROR);
  await dialled.told('at fault: 192.0.2.1');
  assert.equal(account.holdingIn(OTHERS_HAVE_PLACES).isAtFault(performance.now()), true);
});

test('a connection on which 20 calls were given up, and no others run, is let go at once, and no call is lost', async (t) => {
  const dialled = await ready(t);
  const { connection } = dialled;
  const account = spentAccount();
  await abandon(dialled, account, 19);
  assert.deepEqual([connection.state, connection.activeStreams], ['ready', 19]);
  const holding = account.holdingIn(OTHERS_HAVE_PLACES);
  holding.take();
  const stream = connection.openStream(IGNORING_OWNER);
  stream.sendHeaders(REQUEST, true);
  connection.endStream(stream, ErrorCode.CANCEL, holding);
  assert.notEqual(connection.state, 'ready');
  assert.deepEqual(await dialled.told('gone (closed)'), [
    'retired (draining): all of its calls were given up',
    'gone (closed)',
  ]);
  assert.deepEqual([connection.activeStreams, connection.lostStreams], [0, 0]);
});

test('a connection that breaks has lost the calls that ran, and none that were given up', async (t) => {
  const dialled = await ready(t);
  CallOnConnection.on(dialled.connection);
  await dialled.server.wantRequest();
  const [request] = await abandon(dialled, spentAccount(), 5);
  request.peer.destroy();
  await dialled.closed();
  assert.equal(dialled.connection.lostStreams, 1);
});

test('a GOAWAY with an error is held against the client whose call it names, as ten faults', async (t) => {
  const dialled = await ready(t);
  CallOnConnection.on(dialled.connection);
  await dialled.server.wantRequest();
  const account = spentAccount('192.0.2.2');
  const [request] = await abandon(dialled, account, 1);
  account.holdingIn(OTHERS_HAVE_PLACES).noteFault(Math.floor(performance.now()), 95);
  request.peer.send(goAwayFrame(request.streamId, ErrorCode.ENHANCE_YOUR_CALM));
  await dialled.told('at fault: 192.0.2.2');
});

test('a stream ended by the peer is told, and the connection goes on', async (t) => {
  const { connection, server, events } = await ready(t);
  const call = new CallOnConnection(connection);
  (await server.wantRequest()).reset(2);
  await eventually('the call ends', () => call.end !== '');
  assert.equal(call.end, 'reset');
  assert.deepEqual(events.log, []);
  assert.equal(connection.state, 'ready');
});

test('a connection that owes an answer gets no calls until anything comes, and is then told of', async (t) => {
  const pace = new KeepalivePace({ afterMs: 20, timeoutMs: TIMEOUT_MS });
  const server = await startRawServer({ answersPing: false });
  t.after(() => server.close());
  const { connection, events } = new Dialled(t, addressOf(server), pace);
  await eventually('it is ready', () => connection.state === 'ready');
  const call = CallOnConnection.on(connection);
  await eventually('it is asked', () => server.peers[0].frames.some(({ type }) => type === FrameType.PING));
  assert.equal(connection.hasCapacity, true);
  await eventually('it gets no calls', () => !connection.hasCapacity);
  assert.equal(events.log.includes('answered'), false);
  server.requests[0].succeed();
  await eventually('the call ends', () => call.end === 'answered');
  assert.deepEqual([connection.hasCapacity, events.log.at(-1)], [true, 'answered']);
});

test('a connection from which nothing comes is given up with its calls, and says why', async (t) => {
  const server = await startRawServer({ answersPing: false });
  t.after(() => server.close());
  const pace = new KeepalivePace({ afterMs: 20, timeoutMs: 50 });
  const dialled = new Dialled(t, addressOf(server), pace);
  const { connection } = dialled;
  await dialled.told('ready (ready)');
  const call = CallOnConnection.on(connection);
  await eventually('the call ends', () => call.end === 'lost');
  assert.equal(connection.hasCapacity, false);
  assert.deepEqual(
    [connection.silence?.token, connection.whyLost('').token],
    ['upstream_silent', 'upstream_silent'],
  );
  await dialled.closed();
  assert.equal(connection.lostStreams, 1);
});

test('an endpoint that answers each question keeps its connection, PINGs or not', async (t) => {
  const questions: string[] = [];
  const server = await startRawServer({
    onFrame: (frame) => {
      if (frame.type === FrameType.PING) questions.push('PING');
      else if (isQuestion(frame)) questions.push('SETTINGS');
    },
  });
  t.after(() => server.close());
  const dialled = new Dialled(
    t,
    addressOf(server),
    new KeepalivePace({ afterMs: 20, timeoutMs: TIMEOUT_MS }),
  );
  await dialled.told('ready (ready)');
  CallOnConnection.on(dialled.connection);
  await eventually('it is asked again and again', () => questions.length >= 5);
  assert.deepEqual(questions.slice(0, 5), ['PING', 'PING', 'SETTINGS', 'SETTINGS', 'SETTINGS']);
  assert.equal(dialled.connection.hasCapacity, true);
});

test('too_many_pings is no fault of a client, and none of ours where no PING was sent', async (t) => {
  const server = await startRawServer({ answersPing: false });
  t.after(() => server.close());
  const dialled = new Dialled(
    t,
    addressOf(server),
    new KeepalivePace({ afterMs: 20, timeoutMs: TIMEOUT_MS }),
  );
  await dialled.told('ready (ready)');
  const [peer] = server.peers;
  CallOnConnection.on(dialled.connection);
  await eventually('it is asked', () => peer.frames.some(({ type }) => type === FrameType.PING));
  peer.send(goAwayFrame(1, ErrorCode.ENHANCE_YOUR_CALM, 'too_many_pings'));
  await dialled.told('too many pings');
  const quiet = await ready(t);
  CallOnConnection.on(quiet.connection);
  await quiet.server.wantRequest();
  quiet.server.peers[0].send(goAwayFrame(1, ErrorCode.ENHANCE_YOUR_CALM, 'too_many_pings'));
  const told = await quiet.told('retired (draining): GOAWAY ENHANCE_YOUR_CALM: too_many_pings');
  assert.equal(told.includes('too many pings'), false);
});
