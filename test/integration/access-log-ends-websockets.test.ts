// The access log's record for every way in which a WebSocket can end, over HTTP/1.1 and over HTTP/2.

import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { accept, answers, sends, webService } from '../support/bare-web-service.ts';
import { type Bare, type BareClient, checkEnd, type EndRow, type Scene } from '../support/call-ends.ts';
import { eventually } from '../support/eventually.ts';
import type { RawClient } from '../support/raw-client.ts';
import type { Fields } from '../support/raw-frames.ts';

const HTTP1 = { protocol: 'http1' } as const;
const WEBSOCKET_HEAD = [
  'GET /socket HTTP/1.1',
  'host: service.test',
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
];

const open = (
  service: Bare,
  act: (client: BareClient, scene: Scene) => unknown,
): Pick<EndRow, 'services' | 'upstream' | 'act'> => ({
  services: [service],
  upstream: HTTP1,
  act: sends(WEBSOCKET_HEAD, '', '101 Switching Protocols', act),
});

const CONNECT_FIELDS: Fields = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  ['content-type', 'text/plain'],
  ['sec-websocket-version', '13'],
];

/** A WebSocket by an extended CONNECT (RFC 8441). */
function openOverHttp2(
  service: Bare,
  act: (client: RawClient, streamId: number, scene: Scene) => unknown,
): Pick<EndRow, 'services' | 'upstream' | 'act'> {
  return {
    services: [service],
    upstream: HTTP1,
    act: async (scene) => {
      const client = await scene.client();
      const streamId = client.call({ path: '/socket', fields: CONNECT_FIELDS, endStream: false });
      await client.wantHeaders(streamId);
      await act(client, streamId, scene);
    },
  };
}

const WEBSOCKET_ENDS: readonly EndRow[] = [
  {
    name: 'a WebSocket that the service closes',
    ...open(
      webService((socket, head) => {
        accept(socket, head);
        socket.end('hello');
      }),
      (client) => eventually('the end', () => client.isClosed || undefined),
    ),
    record: { httpStatus: 101, responseBytes: 5, endedBy: 'upstream' },
  },
  {
    name: 'a WebSocket whose client disconnects',
    ...open(webService(accept), (client) => client.reset()),
    record: {
      httpStatus: 101,
      endedBy: 'downstream',
      reason: /^The client's connection is gone: /,
    },
  },
  {
    name: 'a WebSocket that the service refuses',
    services: [answers('HTTP/1.1 403 Forbidden', 'content-length: 0')],
    upstream: HTTP1,
    act: sends(WEBSOCKET_HEAD, '', '403'),
    record: { httpStatus: 403, endedBy: 'upstream' },
  },
  {
    name: 'a WebSocket that is open when the proxy stops',
    ...open(webService(accept), (_client, { proxy }) => proxy.proxy.drain()),
    record: { httpStatus: 101, reason: /^draining: / },
  },
];

const OVER_HTTP2: readonly EndRow[] = [
  {
    name: 'a WebSocket over HTTP/2 that the service closes',
    ...openOverHttp2(
      webService((socket, head) => {
        accept(socket, head);
        socket.end('hello');
      }),
      (client, streamId) => client.outcome(streamId),
    ),
    record: { responseBytes: 5, endedBy: 'upstream' },
  },
  {
    name: 'a WebSocket over HTTP/2 that its client resets',
    ...openOverHttp2(webService(accept), (client, streamId) => client.sendReset(streamId, ErrorCode.CANCEL)),
    record: { endedBy: 'downstream', reason: /^The client reset the call \(CANCEL\)\./ },
  },
  {
    name: 'a WebSocket over HTTP/2 whose client disconnects',
    ...openOverHttp2(webService(accept), (client) => client.destroy()),
    record: { endedBy: 'downstream', reason: /^The client's connection is gone: / },
  },
  {
    name: 'a WebSocket over HTTP/2 that the service refuses',
    services: [answers('HTTP/1.1 403 Forbidden', 'content-length: 0')],
    upstream: HTTP1,
    act: async ({ client }) => {
      const made = await client();
      await made.outcome(made.call({ path: '/socket', fields: CONNECT_FIELDS, endStream: false }));
    },
    record: { httpStatus: 403, endedBy: 'upstream' },
  },
  {
    name: 'a WebSocket over HTTP/2 whose service breaks off',
    ...openOverHttp2(
      webService((socket, head) => {
        accept(socket, head);
        socket.once('data', () => socket.resetAndDestroy());
      }),
      async (client, streamId) => {
        client.sendData(streamId, Buffer.from('ping'), false);
        await client.outcome(streamId);
      },
    ),
    record: {
      requestBytes: undefined,
      endedBy: 'upstream',
      reason: / reset the call \(CANCEL\)\.$/,
    },
  },
  {
    name: 'a WebSocket over HTTP/2 that is open when the proxy stops',
    ...openOverHttp2(webService(accept), (_client, _streamId, { proxy }) => proxy.proxy.drain()),
    record: { reason: /^draining: / },
  },
];

for (const row of [...WEBSOCKET_ENDS, ...OVER_HTTP2])
  test(`the record of ${row.name}`, (t) => checkEnd(t, row));
