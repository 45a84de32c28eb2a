// GET /api/exchanges: the calls in flight through a whole proxy, of one process and of workers, and who blocks each of them.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LiveExchange } from '../../src/calls/live-exchange.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import { LiveReader } from '../support/live-reader.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient, type RawClient, type RawClientOptions } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawPeer, ReceivedFrame } from '../support/raw-peer.ts';
import { type RawRequest, RESPONSE_HEADERS, startSocketServer } from '../support/raw-server.ts';
import { clearListener, startReloadingProxy } from '../support/reloading-proxy.ts';

const MEBIBYTE = 1024 * 1024;
const WINDOW_BYTES = 65_535;
const MESSAGE = grpcMessage(Buffer.from('hello'));
const PROCESSES = [1, 2];

interface Scene {
  readonly processes: number;
  readonly live: LiveReader;
  readonly client: (options?: Partial<RawClientOptions>) => Promise<RawClient>;
}

type Answer = (request: RawRequest) => void;

const silence: Answer = () => undefined;
const pump: Answer = (request) => {
  request.sendHeaders();
  request.peer.pump(request.streamId, MEBIBYTE);
};
const unavailable: Answer = (request) =>
  request.sendTrailers([
    [':status', '200'],
    ['content-type', 'application/grpc'],
    ['grpc-status', '14'],
    ...(request.field(':path') === '/retry.S/Paused' ? [['grpc-retry-pushback-ms', '600000'] as const] : []),
  ]);
/** What the service does when it has the head of a request. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  '/s.S/Pump': pump,
  '/web.S/Pump': pump,
  '/s.S/Part': (request) => {
    request.sendHeaders();
    request.peer.sendData(request.streamId, MESSAGE.subarray(0, 7));
  },
};

/** Answers the first message to these paths. */
function answerMessage(peer: RawPeer, { type, streamId }: ReceivedFrame): void {
  const frames = peer.framesOf(streamId);
  const path = frames[0].fields.find(([name]) => name === ':path')?.[1];
  if (type !== FrameType.DATA || (path !== '/s.S/Reply' && path !== '/s.S/Once')) return;
  if (frames.filter((frame) => frame.type === FrameType.DATA).length > 1) return;
  peer.sendHeaders(streamId, RESPONSE_HEADERS);
  peer.sendData(streamId, MESSAGE);
}

/** @param processes how many carry calls. @returns what each case gets */
async function start(t: TestContext, processes: number) {
  const attempts = new Map<string, number>();
  const onRequest: Answer = (request) => {
    const path = request.field(':path') ?? '';
    const attempt = (attempts.get(path) ?? 0) + 1;
    attempts.set(path, attempt);
    if (path.startsWith('/retry.') && attempt === 1) unavailable(request);
    else if (path.startsWith('/warm.')) request.succeed();
    else (ANSWERS[path] ?? silence)(request);
  };
  const [one, two, slow] = await Promise.all([
    startRawUpstream(t, { onRequest, onPeerFrame: answerMessage }),
    startRawUpstream(t, { onRequest, onPeerFrame: answerMessage }),
    startRawUpstream(t, { givesCredit: false, onRequest: (request) => request.sendHeaders() }),
  ]);
  // It takes connections, and never says that it speaks HTTP/2.
  const mute = await startSocketServer(() => undefined);
  t.after(() => mute.close());
  const proxy = await startReloadingProxy(t, {
    workers: processes,
    listeners: [clearListener],
    routes: [
      { name: 'retry', match: { path: '/retry.S/*' }, upstream: 'pair', retry: { backoff: '1ms' } },
      { name: 'hedge', match: { path: '/hedge.S/*' }, upstream: 'pair', hedge: { delay: '1ms' } },
      { name: 'warm', match: { path: '/warm.S/*' }, upstream: 'pair' },
      { name: 'web', match: { path: '/web.S/*' }, upstream: 'one', grpcWeb: true },
      { name: 'slow', match: { path: '/slow.S/*' }, upstream: 'slow' },
      { name: 'full', match: { path: '/full.S/*' }, upstream: 'full' },
      { name: 'all', match: { path: '/*' }, upstream: 'one' },
    ],
    upstreams: {
      one: { endpoints: [one.address] },
      pair: { endpoints: [one.address, two.address] },
      slow: { endpoints: [slow.address] },
      full: { endpoints: [mute.address], connections: { connectTimeout: '10m' } },
    },
  });
  const live = new LiveReader(proxy);
  const port = await proxy.process.port('clear');
  return async (inner: TestContext): Promise<Scene> => {
    await eventually('no call of the case before is left', async () => (await live.page()).total === 0);
    return {
      processes,
      live,
      client: async (options = {}) => {
        const client = await connectRawClient({ port, ...options });
        inner.after(() => client.destroy());
        return client;
      },
    };
  };
}

function saysThatClientKeptSending({ blocked }: LiveExchange): boolean {
  return blocked.sentence.includes(', while the client kept sending.');
}

type Case = readonly [what: string, run: (scene: Scene) => Promise<void>];

const CASES: readonly Case[] = [
  [
    'a client that does not read is named, with the windows that are left',
    async ({ live, client, processes }) => {
      const reader = await client({ givesCredit: false });
      reader.call({ path: '/s.S/Pump', body: MESSAGE });
      const call = await live.blocked('/s.S/Pump', 'client window');
      assert.equal(call.state, 'request_ended');
      assert.equal(call.windows.client.stream?.send, 0);
      assert.ok(call.response.waitingBytes > 0 && call.response.bytes > WINDOW_BYTES);
      assert.equal(call.response.bytes - call.response.waitingBytes, WINDOW_BYTES);
      const { receive = -1 } = call.windows.service?.stream ?? {};
      assert.ok(receive >= 0 && receive < 2 * WINDOW_BYTES, 'the service may send no more than a window');
      assert.match(
        call.blocked.sentence,
        /^The client does not read: its flow-control window is empty, and it has taken nothing of the waiting \d+ KiB for [\d.]+ s\.$/,
      );
      assert.deepEqual([call.protocol, call.route, call.upstream, call.attempt], ['grpc', 'all', 'one', 1]);
      assert.equal(call.worker === undefined, processes === 1);
      assert.match(call.id, /^[0-9a-f]{32}$/);
      assert.equal(call.requestId, call.id);
      assert.deepEqual(
        (await live.page(`id=${call.id}`)).exchanges.map(({ id }) => id),
        [call.id],
      );
      // What came last from the service came after the client had taken the last bytes.
      await eventually('it is silent as well', async () => {
        return (await live.page('blocked=client&minSilentMs=1000')).matching === 1;
      });
      assert.equal((await live.page('blocked=service')).matching, 0);

      const other = await client({
        givesCredit: false,
        settings: [[SettingId.INITIAL_WINDOW_SIZE, MEBIBYTE]],
      });
      other.call({ path: '/s.S/Pump', body: MESSAGE, fields: [['x-request-id', 'not kept']] });
      const { exchanges } = await live.page('sort=age&limit=1');
      assert.equal(exchanges[0].id, call.id, 'the oldest comes first');
      reader.destroy();
      const shared = await live.blocked('/s.S/Pump', 'client connection_window');
      assert.ok((shared.windows.client.stream?.send ?? 0) > 0);
      assert.equal(shared.windows.client.connection?.send, 0);
    },
  ],

  [
    'a service that does not read is named',
    async ({ live, client }) => {
      const sender = await client();
      sender.pump(sender.call({ path: '/slow.S/One', endStream: false }), MEBIBYTE);
      const one = await live.blocked('/slow.S/One', 'service window');
      assert.equal(one.windows.service?.stream?.send, 0);
      assert.ok(one.request.waitingBytes > 0);
      assert.equal(one.state, 'streaming');
      sender.pump(sender.call({ path: '/slow.S/Two', endStream: false }), MEBIBYTE);
      const two = await live.blocked('/slow.S/Two', 'service connection_window');
      assert.equal(two.windows.service?.stream?.send, WINDOW_BYTES);
      assert.match(
        two.blocked.sentence,
        /^The service does not read: .* which all its calls share, is empty/,
      );
      assert.equal((await live.page('blocked=service&sort=bytes')).exchanges.length, 2);
    },
  ],

  [
    'the side whose turn it is and that is silent is named',
    async ({ live, client }) => {
      const caller = await client();
      caller.call({ path: '/s.S/Silent', body: MESSAGE });
      caller.call({ path: '/s.S/Headers', endStream: false });
      caller.call({ path: '/s.S/Stream', body: MESSAGE, endStream: false });
      caller.call({ path: '/s.S/Reply', body: MESSAGE, endStream: false });
      caller.call({ path: '/s.S/Part', body: MESSAGE, endStream: false });
      const half = caller.call({ path: '/s.S/Half', endStream: false });
      caller.sendData(half, MESSAGE.subarray(0, 7));
      const silent = await live.blocked('/s.S/Silent', 'service silent');
      assert.deepEqual([silent.state, silent.request.hasEnded], ['waiting_for_response', true]);
      assert.equal(silent.response.silentMs, undefined);
      assert.match(
        silent.blocked.sentence,
        /^The service has sent nothing in the [\d.]+ s since it got the request\. The request has been complete for/,
      );
      const headers = await live.blocked('/s.S/Headers', 'client silent');
      assert.match(
        headers.blocked.sentence,
        /^The client has sent nothing for [\d.]+ s\. The service has sent nothing yet\.$/,
      );
      const stream = await live.blocked('/s.S/Stream', 'service silent');
      assert.match(stream.blocked.sentence, /The last bytes of the client came [\d.]+ s ago\.$/);
      const reply = await live.blocked('/s.S/Reply', 'client silent');
      assert.deepEqual([reply.state, reply.request.messages, reply.response.messages], ['streaming', 1, 1]);
      const part = await live.blocked('/s.S/Part', 'service silent');
      assert.match(part.blocked.sentence, /^The service has sent a part of a message, and nothing more for/);
      const halfway = await live.blocked('/s.S/Half', 'client silent');
      assert.match(
        halfway.blocked.sentence,
        /^The client has sent a part of a message, and nothing more for/,
      );
      assert.equal((await live.page('state=streaming')).matching, 2);
      assert.equal((await live.page('method=/s.S/H*')).matching, 2);
      assert.equal((await live.page(`endpoint=${silent.endpoint}`)).matching, 6);
      assert.equal((await live.page('route=slow')).matching, 0);
      assert.equal((await live.page('minAgeMs=3600000')).matching, 0);
      assert.equal((await live.page(`client=${silent.client}`)).matching, 6);
      assert.equal((await live.page('client=127.0.0.1&upstream=one')).matching, 6);
      assert.equal((await live.page('client=127.0.0.2')).matching, 0);
    },
  ],

  [
    'a service that reads and answers no more is named, however much its client goes on sending',
    async ({ live, client }) => {
      const caller = await client();
      const talks = ['/s.S/Once', '/s.S/Upload'].map((path) =>
        caller.call({ path, body: MESSAGE, endStream: false }),
      );
      const timer = setInterval(() => {
        for (const talk of talks) caller.sendData(talk, MESSAGE);
      }, 50);
      try {
        const once = await live.call('/s.S/Once', saysThatClientKeptSending);
        assert.match(once.blocked.sentence, /^The service has sent nothing for [\d.]+ s, while/);
        assert.deepEqual([once.blocked.by, once.blocked.how, once.state], ['service', 'silent', 'streaming']);
        assert.ok(once.blocked.forMs >= 5000, String(once.blocked.forMs));
        // It may have to wait for the end of the request.
        const upload = await live.call('/s.S/Upload', saysThatClientKeptSending);
        assert.match(
          upload.blocked.sentence,
          /^The service has sent nothing in the .* end of the request\.$/,
        );
        assert.deepEqual([upload.blocked.by, upload.state], ['nobody', 'waiting_for_response']);
      } finally {
        clearInterval(timer);
      }
    },
  ],

  [
    'a call without an endpoint waits for its service while no connection answers',
    async ({ live, client }) => {
      const caller = await client();
      caller.call({ path: '/full.S/Call', body: MESSAGE });
      const call = await live.blocked('/full.S/Call', 'service waiting');
      assert.deepEqual([call.state, call.attempt, call.endpoint], ['waiting_for_endpoint', 1, '']);
      assert.equal(call.waitsFor, 'no endpoint has a connection that answers');
      assert.deepEqual(call.attempts, [{ number: 1, state: 'waiting_for_endpoint' }]);
      assert.equal(call.windows.service, undefined);
      caller.pump(caller.call({ path: '/full.S/Up', endStream: false }), MEBIBYTE);
      // It waits before its client has sent all that it may.
      const full = await live.call(
        '/full.S/Up',
        ({ blocked, windows }) => blocked.by === 'service' && windows.client.stream?.receive === 0,
      );
      assert.match(
        full.blocked.sentence,
        /^The call waits for a place at its upstream: .* has filled the window of Framegate\.$/,
      );
    },
  ],

  [
    'retried and hedged calls show their attempts',
    async ({ live, client }) => {
      const caller = await client();
      for (let call = 0; call < 8; call++)
        await caller.outcome(caller.call({ path: '/warm.S/Up', body: MESSAGE }));
      caller.call({ path: '/retry.S/Call', body: MESSAGE });
      caller.call({ path: '/retry.S/Paused', body: MESSAGE });
      caller.call({ path: '/hedge.S/Call', body: MESSAGE });
      const retried = await live.blocked('/retry.S/Call', 'service silent');
      assert.deepEqual([retried.state, retried.attempt], ['waiting_for_response', 2]);
      assert.deepEqual(
        retried.attempts.map(({ number, endpoint, state }) => [number, endpoint, state]),
        [[2, retried.endpoint, 'sent']],
      );
      const paused = await live.blocked('/retry.S/Paused', 'framegate waiting');
      assert.deepEqual([paused.state, paused.attempt, paused.endpoint], ['waiting_for_retry', 2, '']);
      const hedged = await live.call(
        '/hedge.S/Call',
        ({ attempts, blocked }) => attempts.length === 2 && blocked.by === 'service',
      );
      assert.deepEqual(
        hedged.attempts.map(({ number, state }) => [number, state]),
        [
          [1, 'sent'],
          [2, 'sent'],
        ],
      );
      assert.notEqual(hedged.attempts[0].endpoint, hedged.attempts[1].endpoint);
      for (const { endpoint } of hedged.attempts)
        assert.equal((await live.page(`method=/hedge.*&endpoint=${endpoint}`)).matching, 1);
    },
  ],

  [
    'gRPC-Web calls that the client does not read, in both forms',
    async ({ live, client }) => {
      for (const form of ['grpc-web', 'grpc-web-text']) {
        const page = await client({ givesCredit: false });
        const body = form === 'grpc-web' ? MESSAGE : Buffer.from(MESSAGE.toString('base64'));
        page.call({ path: '/web.S/Pump', body, fields: [['content-type', `application/${form}`]] });
        const call = await live.blocked('/web.S/Pump', 'client window');
        assert.deepEqual([call.protocol, call.request.messages], ['grpc-web', 1]);
        assert.ok(call.response.waitingBytes > 0);
        page.destroy();
        await eventually('it is gone', async () => (await live.page()).total === 0);
      }
    },
  ],
];

for (const processes of PROCESSES) {
  test(`with ${processes === 1 ? 'one process' : `${processes} workers`}`, async (t) => {
    const sceneFor = await start(t, processes);
    for (const [what, run] of CASES) await t.test(what, async (inner) => run(await sceneFor(inner)));
  });
}
