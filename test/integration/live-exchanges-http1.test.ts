// GET /api/exchanges for HTTP/1.1: keep-alive connections, uploads, WebSockets and gRPC-Web, of one process and of workers.

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { LiveReader } from '../support/live-reader.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient, type RawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import { clearListener, startReloadingProxy } from '../support/reloading-proxy.ts';
import { startSilentAddress } from '../support/silent-address.ts';
import { websocketAccept } from '../support/websocket-accept.ts';

const PROCESSES = [1, 2];
const PIECE = Buffer.alloc(65_536);
const MANY_MEBIBYTES = 1024 ** 3;
const SILENT_HOST = '127.0.0.93';

/** Sends as fast as it may, until the response is gone. */
function pump(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(PIECE));
  };
  response.on('drain', more);
  more();
}

/** Answers by path. A request whose path it does not know has no answer, and its body is not read. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/pump') pump(response);
  if (request.url === '/quick') response.end('here');
}

/** Opens WebSockets, and echoes on those with this path. One of another path stays without an answer. */
function upgrade(request: IncomingMessage, socket: Socket): void {
  socket.on('error', () => undefined);
  if (request.url === '/unopened') return;
  const accept = websocketAccept(request.headers['sec-websocket-key'] ?? '');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
  if (request.url === '/echo') socket.pipe(socket);
  else socket.resume().on('end', () => socket.end());
}

interface Scene {
  readonly live: LiveReader;
  /** Sends a request over HTTP/1.1. */
  readonly client: (text: string) => Socket;
  readonly http2Client: () => Promise<RawClient>;
  /** An endpoint that answers no connection attempt. */
  readonly silent: string;
}

/** @param processes how many carry calls. @returns what each case gets */
async function start(t: TestContext, processes: number) {
  const service = createServer(answer).on('upgrade', upgrade);
  const servicePort = await listen(t, service);
  const grpc = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.peer.pump(request.streamId, MANY_MEBIBYTES);
    },
  });
  const silentPort = await freePort();
  await startSilentAddress(t, SILENT_HOST, silentPort);
  const silent = `${SILENT_HOST}:${silentPort}`;
  const http1 = { protocol: 'http1' };
  const proxy = await startReloadingProxy(t, {
    workers: processes,
    listeners: [clearListener],
    routes: [
      { name: 'web', match: { path: '/web.S/*' }, upstream: 'grpc', grpcWeb: true },
      { name: 'one', match: { path: '/one/*' }, upstream: 'one' },
      { name: 'silent', match: { path: '/silent' }, upstream: 'silent' },
      { name: 'all', match: { path: '/*' }, upstream: 'site' },
    ],
    upstreams: {
      grpc: { endpoints: [grpc.address] },
      site: { ...http1, endpoints: [`127.0.0.1:${servicePort}`] },
      one: { ...http1, endpoints: [`127.0.0.1:${servicePort}`], connections: { max: 1 } },
      silent: { ...http1, endpoints: [silent], connections: { connectTimeout: '10m' } },
    },
  });
  const live = new LiveReader(proxy);
  const port = await proxy.process.port('clear');
  return async (inner: TestContext): Promise<Scene> => {
    await eventually('no call of the case before is left', async () => (await live.page()).total === 0);
    const client = (text: string): Socket => {
      const socket = connect({ host: '127.0.0.1', port });
      inner.after(() => socket.destroy());
      socket.on('error', () => undefined);
      socket.write(text.replaceAll('\n', '\r\n'));
      return socket;
    };
    const http2Client = async (): Promise<RawClient> => {
      const raw = await connectRawClient({ port });
      inner.after(() => raw.destroy());
      return raw;
    };
    return { live, client, http2Client, silent };
  };
}

type Case = readonly [what: string, run: (scene: Scene) => Promise<void>];

const FIELDS = 'Host: a\nConnection: keep-alive';
const UPGRADE =
  'Host: a\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';

const CASES: readonly Case[] = [
  [
    'requests of a keep-alive connection, one behind the other',
    async ({ live, client }) => {
      client(
        `GET /quick HTTP/1.1\n${FIELDS}\n\nGET /never HTTP/1.1\n${FIELDS}\n\nGET /later HTTP/1.1\n${FIELDS}\n\n`,
      ).resume();
      const never = await live.blocked('/never', 'service silent');
      assert.deepEqual(
        [never.protocol, never.state, never.request.hasEnded],
        ['http', 'waiting_for_response', true],
      );
      assert.equal(never.windows.client.stream, undefined);
      const later = await live.blocked('/later', 'framegate waiting');
      assert.deepEqual([later.state, later.attempt], ['waiting_for_turn', 0]);
      assert.equal((await live.page()).total, 2, 'the answered request is gone');
    },
  ],

  [
    'clients that do not read, of a site and of gRPC-Web',
    async ({ live, client }) => {
      client(`GET /pump HTTP/1.1\n${FIELDS}\n\n`).pause();
      const call = await live.blocked('/pump', 'client socket');
      assert.ok(call.windows.client.unsentBytes > 0 && call.response.waitingBytes > 0);
      assert.match(
        call.blocked.sentence,
        /^The client (?:does not read|reads slowly), or the network to it is (?:interrupted|slow): /,
      );
      const body = grpcMessage(Buffer.from('hello')).toString('latin1');
      client(
        `POST /web.S/Pump HTTP/1.1\n${FIELDS}\nContent-Type: application/grpc-web\nContent-Length: ${body.length}\n\n${body}`,
      ).pause();
      const web = await live.blocked('/web.S/Pump', 'client socket');
      assert.deepEqual([web.protocol, web.request.messages], ['grpc-web', 1]);
      assert.ok(web.windows.service?.stream !== undefined);
    },
  ],

  [
    'WebSockets of HTTP/1.1 and of HTTP/2',
    async ({ live, client, http2Client }) => {
      const echo = client(`GET /echo HTTP/1.1\n${UPGRADE}\n\n`).resume();
      await live.blocked('/echo', 'client silent');
      echo.write('hello');
      const echoed = await live.call(
        '/echo',
        ({ request, response }) => request.bytes === 5 && response.bytes === 5,
      );
      assert.deepEqual([echoed.protocol, echoed.state], ['websocket', 'streaming']);
      const talker = client(`GET /mute HTTP/1.1\n${UPGRADE}\n\n`).resume();
      await live.blocked('/mute', 'client silent');
      talker.write('hello');
      const mute = await live.blocked('/mute', 'service silent');
      assert.deepEqual([mute.request.bytes, mute.response.bytes], [5, 0]);
      const unopened = client(`GET /unopened HTTP/1.1\n${UPGRADE}\n\n`).resume();
      const hanging = await live.blocked('/unopened', 'service silent');
      assert.deepEqual([hanging.protocol, hanging.state], ['websocket', 'waiting_for_response']);
      unopened.destroy();
      const http2 = await http2Client();
      const fields = [
        [':method', 'CONNECT'],
        [':protocol', 'websocket'],
        ['content-type', 'text/plain'],
        ['sec-websocket-version', '13'],
      ] as const;
      http2.call({ path: '/over-http2', fields, endStream: false });
      const over = await live.blocked('/over-http2', 'client silent');
      assert.equal(over.protocol, 'websocket');
      assert.ok(over.windows.client.stream !== undefined);
      assert.equal(over.windows.service?.stream, undefined);
    },
  ],

  [
    'requests that wait for a connection',
    async ({ live, client, http2Client, silent }) => {
      client(`GET /silent HTTP/1.1\n${FIELDS}\n\n`);
      const dialled = await live.blocked('/silent', 'service waiting');
      assert.equal(dialled.state, 'waiting_for_endpoint');
      assert.equal(dialled.waitsFor, `a connection to ${silent} is being made`);
      assert.deepEqual(dialled.attempts, [{ number: 1, state: 'waiting_for_endpoint', endpoint: silent }]);
      // Both calls are on one connection, and so in one process.
      const http2 = await http2Client();
      const plain = [
        [':method', 'GET'],
        ['content-type', 'text/plain'],
      ] as const;
      http2.call({ path: '/one/first', fields: plain });
      await live.blocked('/one/first', 'service silent');
      http2.call({ path: '/one/second', fields: plain });
      const second = await live.blocked('/one/second', 'framegate waiting');
      assert.equal(second.waitsFor, 'its endpoints allow 1 each (connections.max)');
    },
  ],
  // The last case: while nothing is read from a client, nobody learns that it has gone.
  [
    'a client that sends half of its body, and a service that does not read one',
    async ({ live, client }) => {
      client(`POST /half HTTP/1.1\n${FIELDS}\nContent-Length: 100\n\nhalf`);
      const half = await live.blocked('/half', 'client silent');
      assert.deepEqual([half.request.bytes, half.request.hasEnded], [4, false]);
      const upload = client(`POST /unread HTTP/1.1\n${FIELDS}\nContent-Length: ${MANY_MEBIBYTES}\n\n`);
      const more = (): void => {
        while (!upload.destroyed && upload.write(PIECE));
      };
      upload.on('drain', more);
      more();
      const unread = await live.blocked('/unread', 'service socket');
      assert.ok(unread.request.waitingBytes > 0);
      assert.match(
        unread.blocked.sentence,
        /^The service (?:does not read|reads slowly), or the network to it is (?:interrupted|slow): /,
      );
      assert.equal((await live.page('blocked=service')).matching, 1);
    },
  ],
];

for (const processes of PROCESSES) {
  test(`with ${processes === 1 ? 'one process' : `${processes} workers`}`, async (t) => {
    const sceneFor = await start(t, processes);
    for (const [what, run] of CASES) await t.test(what, async (inner) => run(await sceneFor(inner)));
  });
}
