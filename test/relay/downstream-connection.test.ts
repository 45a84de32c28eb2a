// A client's connection at its beginning and at its end, on a socket that is connected to nothing.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { Observers } from '../../src/calls/observers.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { CallFields } from '../../src/relay/call-fields.ts';
import { NO_POLICIES } from '../../src/relay/call-plan.ts';
import { ClientTerms } from '../../src/relay/client-terms.ts';
import { DownstreamConnection } from '../../src/relay/downstream-connection.ts';
import type { RelayContext } from '../../src/relay/relay-context.ts';
import { ReplayBuffer } from '../../src/relay/replay-buffer.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { ClientAccounts } from '../../src/upstreams/client-accounts.ts';
import { frameSummaries } from '../support/frame-summary.ts';
import * as frames from '../support/frames.ts';
import { LIMITS, LOCAL_SETTINGS } from '../support/local-settings.ts';
import { MemorySocket, nextTurns } from '../support/memory-socket.ts';

const limits = {
  ...LIMITS,
};

/** Without any route: every call is answered here, at once. */
class Connected {
  readonly socket = new MemorySocket();
  readonly records: ExchangeRecord[] = [];
  readonly terms = new ClientTerms();
  readonly context: RelayContext & { decisions: number };
  readonly connection: DownstreamConnection;
  closed = 0;

  constructor(t: TestContext, mismatch?: 'plaintext_on_tls_port') {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const requestIds = new RequestIds();
    this.context = {
      snapshot: { epoch: 1, routes: compileRoutes([]), plans: NO_POLICIES, upstreams: new Map(), limits },
      observers: new Observers([{ onFinish: (record) => this.records.push(record) }], () => undefined),
      deadlines: new DeadlineWheel(() => 0),
      tokenLines: new TokenLines(new DeadlineWheel(() => 0)),
      requestIds,
      callFields: new CallFields(requestIds),
      replayBuffer: new ReplayBuffer(65_536),
      terms: this.terms,
      decisions: 0,
      accounts: new ClientAccounts(),
      onViolation() {},
      onFault() {},
    };
    const peer = {
      listener: 'tls',
      client: 'c:1',
      clientAddress: 'c',
      tls: 'TLSv1.3',
      trusted: false,
      port: 8443,
      mismatch,
    };
    this.connection = new DownstreamConnection(
      this.socket,
      peer,
      undefined,
      this.context,
      LOCAL_SETTINGS,
      () => {
        this.closed++;
      },
    );
    t.after(() => this.socket.vanish());
  }

  async says(...bytes: readonly Buffer[]): Promise<void> {
    this.socket.arrives(Buffer.concat(bytes));
    await nextTurns();
  }

  get sent(): readonly string[] {
    return frameSummaries(this.socket.written);
  }
}

const incomplete: Readonly<Record<string, readonly Buffer[]>> = {
  nothing: [],
  'half a preface': [frames.preface().subarray(0, 12)],
  'a preface without SETTINGS': [frames.preface()],
  'half of its SETTINGS': [frames.preface(), frames.settings([4, 65_535]).subarray(0, 11)],
};

for (const [what, bytes] of Object.entries(incomplete)) {
  test(`a client that says ${what} is told so and closed after 10 s`, async (t) => {
    const client = new Connected(t);
    if (bytes.length > 0) await client.says(...bytes);
    t.mock.timers.tick(9999);
    await nextTurns();
    assert.equal(client.socket.hasEnded, false);
    t.mock.timers.tick(1);
    await nextTurns();
    assert.equal(client.socket.hasEnded, true);
    assert.match(client.sent.at(-1) ?? '', /^GOAWAY .*code=SETTINGS_TIMEOUT/);
    t.mock.timers.tick(1000);
    await nextTurns();
    assert.deepEqual([client.socket.destroyed, client.closed], [true, 1]);
  });
}

test('a client that has said SETTINGS may be silent for as long as it likes', async (t) => {
  const client = new Connected(t);
  await client.says(frames.preface(), frames.settings());
  t.mock.timers.tick(3_600_000);
  await nextTurns();
  assert.equal(client.socket.hasEnded, false);
  assert.ok(!client.sent.some((frame) => frame.startsWith('GOAWAY')));
});

/** A client that takes nothing of the response to its call, which is all written; drained. */
async function draining(t: TestContext): Promise<Connected> {
  const client = new Connected(t);
  await client.says(frames.preface(), frames.settings(), frames.settingsAcknowledgement());
  client.socket.isStalled = true;
  await client.says(frames.ping('in front'));
  await client.says(frames.headers(1, frames.requestBlock(), { endStream: true }));
  assert.equal(client.records.length, 1, 'the exchange is finished');
  assert.ok(!client.sent.some((frame) => frame.startsWith('HEADERS')), 'its response is still here');
  client.connection.drain();
  t.mock.timers.tick(1000);
  await nextTurns();
  return client;
}

test('a drain leaves a client that still downloads the time to do so', async (t) => {
  const client = await draining(t);
  for (let writes = 0; !client.socket.hasEnded; writes++) {
    assert.ok(writes < 10, 'never ended');
    t.mock.timers.tick(4000);
    assert.equal(client.socket.destroyed, false);
    client.socket.release();
    await nextTurns();
  }
  assert.ok(client.sent.some((frame) => frame.startsWith('HEADERS stream=1 ')));
  assert.match(client.sent.at(-1) ?? '', /^GOAWAY .*code=NO_ERROR/);
});

test('a drain does not wait for ever for a client that takes nothing', async (t) => {
  const client = await draining(t);
  t.mock.timers.tick(5000);
  await nextTurns();
  assert.deepEqual([client.socket.destroyed, client.closed], [true, 1]);
});

const MISMATCH = 'plaintext_on_tls_port';

test('a client that came in by the wrong way is told so in the answer to its call, and asked to go', async (t) => {
  const client = new Connected(t, MISMATCH);
  await client.says(frames.preface(), frames.settings(), frames.settingsAcknowledgement());
  await client.says(
    frames.headers(1, frames.requestBlock(['content-type', 'application/grpc']), { endStream: true }),
  );
  const [record] = client.records;
  assert.equal(record?.grpcStatus, 'UNAVAILABLE');
  assert.match(record?.reason ?? '', /^plaintext_on_tls_port: Port 8443 speaks TLS .* ones\.$/);
  assert.ok(
    client.sent.some((frame) => frame.startsWith('HEADERS stream=1 ') && frame.includes('END_STREAM')),
  );
  assert.match(client.sent.findLast((frame) => frame.startsWith('GOAWAY')) ?? '', /code=NO_ERROR/);
  t.mock.timers.tick(1000);
  await nextTurns();
  assert.equal(client.socket.hasEnded, true);
});

test('one that makes no call is closed after 10 s', async (t) => {
  const client = new Connected(t, MISMATCH);
  await client.says(frames.preface(), frames.settings(), frames.settingsAcknowledgement());
  t.mock.timers.tick(9999);
  await nextTurns();
  assert.equal(client.socket.hasEnded, false);
  t.mock.timers.tick(1);
  await nextTurns();
  assert.equal(client.socket.hasEnded, true);
});

/** Well beyond what the client may be late with, in milliseconds from now. */
function looks(client: Connected, laterMs: number): Promise<void> {
  client.connection.checkTime(performance.now() + laterMs);
  return nextTurns();
}

async function greeted(t: TestContext): Promise<Connected> {
  const client = new Connected(t);
  await client.says(frames.preface(), frames.settings(), frames.settingsAcknowledgement());
  return client;
}

function goAways(client: Connected): readonly string[] {
  return client.sent.filter((frame) => frame.startsWith('GOAWAY'));
}

test('a connection older than its age, 10 % more or less, is asked to go in two steps', async (t) => {
  const client = await greeted(t);
  client.terms.connectionAgeMs = 60_000;
  await looks(client, 60_000 * 0.89);
  assert.deepEqual(goAways(client), []);
  await looks(client, 60_000 * 1.11);
  assert.equal(goAways(client).length, 1);
  assert.equal(client.socket.hasEnded, false);
  t.mock.timers.tick(1000);
  await nextTurns();
  assert.equal(goAways(client).length, 2);
  assert.ok(goAways(client).every((frame) => frame.includes('code=NO_ERROR')));
  assert.equal(client.socket.hasEnded, true);
});

test('an age that comes with a reload counts for connections there are', async (t) => {
  const client = await greeted(t);
  await looks(client, 3_600_000);
  assert.deepEqual(goAways(client), []);
  client.terms.connectionAgeMs = 60_000;
  await looks(client, 3_600_000);
  assert.equal(goAways(client).length, 1);
});

test('a connection is idle when no call has run between two looks', async (t) => {
  const client = await greeted(t);
  await looks(client, 0);
  assert.equal(client.connection.isIdle, false, 'it has only just come');
  await looks(client, 2000);
  assert.equal(client.connection.isIdle, true);
  await client.says(frames.headers(1, frames.requestBlock(), { endStream: true }));
  assert.equal(client.records.length, 1, 'the call came and went');
  await looks(client, 4000);
  assert.equal(client.connection.isIdle, false);
  await looks(client, 6000);
  assert.equal(client.connection.isIdle, true);
});

test('a client that repeats its header block is understood after the memory of it was given back', async (t) => {
  const client = await greeted(t);
  for (const streamId of [1, 3, 5, 7]) {
    await client.says(frames.headers(streamId, frames.requestBlock(), { endStream: true }));
    client.connection.http2.forgetHeaderBlocks();
  }
  assert.deepEqual(
    client.records.map(({ reason }) => reason.slice(0, 9)),
    ['no_route:', 'no_route:', 'no_route:', 'no_route:'],
  );
});

test('a connection that is shrunk forgets kinds of calls and header blocks, and serves on', async (t) => {
  const client = await greeted(t);
  let streamId = -1;
  const call = (traceparent: string) =>
    client.says(
      frames.headers((streamId += 2), frames.requestBlock(['traceparent', traceparent]), { endStream: true }),
    );
  for (const traceparent of ['a', 'b', 'b', 'c']) await call(traceparent);
  assert.equal(client.context.decisions, 1, 'these are of one kind');
  client.connection.shrink();
  await call('d');
  assert.equal(client.context.decisions, 2);
  await call('e');
  assert.equal(client.context.decisions, 2, 'and are remembered anew');
  assert.equal(client.records.length, 6);
});
