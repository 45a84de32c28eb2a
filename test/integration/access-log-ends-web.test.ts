// The access log's record for every way in which a call of a web client can end: gRPC-Web, HTTP/1.1 and WebSockets.

import type { Socket } from 'node:net';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import {
  type Bare,
  type BareClient,
  checkEnd,
  type EndRow,
  MESSAGE,
  type Scene,
} from '../support/call-ends.ts';
import { eventually } from '../support/eventually.ts';
import type { RawRequest, RawServerOptions } from '../support/raw-server.ts';
import { websocketAccept } from '../support/websocket-accept.ts';

const PATH = '/a.B/C';
const ONE_MESSAGE = { requestBytes: 10, requestMessages: 1 } as const;
const HTTP1 = { protocol: 'http1' } as const;
const GRPC_WEB = { grpcWeb: true } as const;
const WEB_HEAD = [
  `POST ${PATH} HTTP/1.1`,
  'host: service.test',
  'content-type: application/grpc-web',
  `content-length: ${MESSAGE.length}`,
];
const WEBSOCKET_HEAD = [
  'GET /socket HTTP/1.1',
  'host: service.test',
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
];

function serviceDoes(act: (request: RawRequest) => unknown): RawServerOptions {
  return { onRequestEnd: act };
}

/** A service of HTTP/1.1 that does something once it has a whole head. */
function webService(act: (socket: Socket, head: string) => unknown): Bare {
  return {
    onSocket: (socket) => {
      let text = '';
      let isSeen = false;
      socket.setEncoding('latin1');
      socket.on('data', (piece: string) => {
        text += piece;
        if (isSeen || !text.includes('\r\n\r\n')) return;
        isSeen = true;
        act(socket, text);
      });
    },
  };
}

const answers = (...lines: readonly string[]) =>
  webService((socket) => socket.write(`${lines.join('\r\n')}\r\n\r\n`));

/** Accepts a WebSocket. The key is the proxy's. */
function accept(socket: Socket, head: string): void {
  const key = /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? '';
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'upgrade: websocket',
    'connection: Upgrade',
    `sec-websocket-accept: ${websocketAccept(key)}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}

/** Sends a head and a body, and waits for some text of the answer, or for the end of the connection. */
function sends(
  head: readonly string[],
  body: Buffer | string,
  awaited: string,
  then?: (client: BareClient, scene: Scene) => unknown,
) {
  return async (scene: Scene): Promise<void> => {
    const client = await scene.socket();
    client.send(...head);
    client.socket.write(body);
    await eventually(
      `"${awaited}" or the end`,
      () => client.received.includes(awaited) || client.isClosed || undefined,
    );
    await then?.(client, scene);
  };
}

/** Sends a head and a body, and does something once the service has the request. */
function duringWeb(
  head: readonly string[],
  body: Buffer | string,
  act: (client: BareClient, scene: Scene) => unknown,
) {
  return async (scene: Scene): Promise<void> => {
    const client = await scene.socket();
    client.send(...head);
    client.socket.write(body);
    await scene.service.wantRequest();
    await act(client, scene);
  };
}

const GRPC_WEB_ENDS: readonly EndRow[] = [
  {
    name: 'a success over gRPC-Web',
    services: [serviceDoes((request) => request.succeed(Buffer.alloc(5)))],
    route: GRPC_WEB,
    act: sends(WEB_HEAD, MESSAGE, 'grpc-status:'),
    record: { ...ONE_MESSAGE, grpcStatus: 'OK', responseBytes: 10, responseMessages: 1, endedBy: 'upstream' },
  },
  {
    name: 'an error over gRPC-Web',
    services: [
      serviceDoes((request) =>
        request.sendTrailers([
          [':status', '200'],
          ['content-type', 'application/grpc'],
          ['grpc-status', '5'],
        ]),
      ),
    ],
    route: GRPC_WEB,
    act: sends(WEB_HEAD, MESSAGE, 'grpc-status'),
    record: { ...ONE_MESSAGE, grpcStatus: 'NOT_FOUND', endedBy: 'upstream' },
  },
  {
    name: 'a reset by the service over gRPC-Web',
    services: [serviceDoes((request) => request.reset(ErrorCode.ENHANCE_YOUR_CALM))],
    route: GRPC_WEB,
    act: sends(WEB_HEAD, MESSAGE, 'grpc-status'),
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'RESOURCE_EXHAUSTED',
      endedBy: 'upstream',
      reason: / reset the call \(ENHANCE_YOUR_CALM\)\.$/,
    },
  },
  {
    name: 'a connection that the service loses over gRPC-Web',
    services: [serviceDoes((request) => request.peer.destroy())],
    route: GRPC_WEB,
    act: sends(WEB_HEAD, MESSAGE, 'grpc-status'),
    record: { ...ONE_MESSAGE, grpcStatus: 'UNAVAILABLE', reason: /^upstream_connection_lost: / },
  },
  {
    name: 'a client of gRPC-Web that disconnects',
    services: [{}],
    route: GRPC_WEB,
    act: duringWeb(WEB_HEAD, MESSAGE, async (client, { service }) => {
      await eventually('the message', () => service.requests[0].hasEnded || undefined);
      client.reset();
    }),
    record: {
      ...ONE_MESSAGE,
      httpStatus: 0,
      grpcStatus: 'CANCELLED',
      endedBy: 'downstream',
      reason: /^The client's connection is gone: /,
    },
  },
  {
    name: 'a deadline over gRPC-Web',
    route: GRPC_WEB,
    act: sends([...WEB_HEAD, 'grpc-timeout: 50m'], MESSAGE, 'grpc-status'),
    record: { ...ONE_MESSAGE, grpcStatus: 'DEADLINE_EXCEEDED', reason: /^deadline_exceeded: / },
  },
  {
    name: 'a preflight of a page',
    route: GRPC_WEB,
    act: sends(
      [
        `OPTIONS ${PATH} HTTP/1.1`,
        'host: service.test',
        'origin: http://page.test',
        'access-control-request-method: POST',
        'access-control-request-headers: content-type',
      ],
      '',
      'HTTP/1.1 2',
    ),
    record: { httpStatus: 204, attempts: 0, endpoint: undefined, reason: /preflight/ },
  },
  {
    name: 'a call over gRPC-Web to a service that is down',
    services: ['down'],
    route: GRPC_WEB,
    act: sends(WEB_HEAD, MESSAGE, 'grpc-status'),
    record: {
      requestBytes: undefined,
      requestMessages: undefined,
      grpcStatus: 'UNAVAILABLE',
      attempts: 0,
      endpoint: undefined,
      reason: /^upstream_connection_refused: /,
    },
  },
];

const PAGE = ['GET /page HTTP/1.1', 'host: service.test'];
const FORM = ['POST /page HTTP/1.1', 'host: service.test', 'content-length: 4'];

const HTTP1_ENDS: readonly EndRow[] = [
  {
    name: 'a page',
    services: [webService((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npage'))],
    upstream: HTTP1,
    act: sends(FORM, 'form', 'page'),
    record: { requestBytes: 4, responseBytes: 4, endedBy: 'upstream' },
  },
  {
    name: 'a redirect',
    services: [answers('HTTP/1.1 302 Found', 'location: /there', 'content-length: 0')],
    upstream: HTTP1,
    act: sends(PAGE, '', '302'),
    record: { httpStatus: 302, endedBy: 'upstream' },
  },
  {
    name: 'an error page of the service',
    services: [answers('HTTP/1.1 500 Internal Server Error', 'content-length: 0')],
    upstream: HTTP1,
    act: sends(PAGE, '', '500'),
    record: { httpStatus: 500, endedBy: 'upstream' },
  },
  {
    name: 'a page whose service breaks off before its response',
    services: [webService((socket) => socket.destroy())],
    upstream: HTTP1,
    act: sends(FORM, 'form', 'HTTP/1.1'),
    record: {
      responseBytes: 'a sentence',
      httpStatus: 502,
      requestBytes: 4,
      reason: /^upstream_died: /,
    },
  },
  {
    name: 'a page whose service breaks off in its response',
    services: [
      webService((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npage', () => socket.destroy());
      }),
    ],
    upstream: HTTP1,
    act: sends(PAGE, '', 'never'),
    record: { responseBytes: 4, reason: /^upstream_died: / },
  },
  {
    name: 'a page whose service breaks a rule of HTTP/1.1',
    services: [webService((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n'))],
    upstream: HTTP1,
    act: sends(PAGE, '', 'HTTP/1.1'),
    record: { responseBytes: 'a sentence', httpStatus: 502, reason: /^upstream_response_invalid: / },
  },
  {
    name: 'a client of HTTP/1.1 that disconnects',
    services: [webService(() => undefined)],
    upstream: HTTP1,
    act: async (scene) => {
      const client = await scene.socket();
      client.send(...PAGE);
      await eventually('it runs', () => scene.proxy.plane.load.calls === 1 || undefined);
      client.reset();
    },
    record: {
      httpStatus: 0,
      attempts: undefined,
      endedBy: 'downstream',
      reason: /^The client's connection is gone: /,
    },
  },
  {
    name: 'a page that no service answers in time',
    services: [webService(() => undefined)],
    upstream: HTTP1,
    route: { timeouts: { deadline: '50ms' } },
    act: sends(PAGE, '', 'HTTP/1.1'),
    record: { responseBytes: 'a sentence', httpStatus: 504, reason: /^deadline_exceeded: / },
  },
  {
    name: 'a page without a route',
    upstream: HTTP1,
    route: { match: { path: '/known' } },
    act: sends(PAGE, '', 'HTTP/1.1'),
    record: {
      responseBytes: 'a sentence',
      httpStatus: 404,
      attempts: 0,
      endpoint: undefined,
      route: '',
      reason: /^no_route: /,
    },
  },
  {
    name: 'a page of a service that is down',
    services: ['down'],
    upstream: HTTP1,
    act: sends(PAGE, '', 'HTTP/1.1'),
    record: { responseBytes: 'a sentence', httpStatus: 503, reason: /^upstream_connection_refused: / },
  },
  {
    name: 'a page of a gRPC service',
    act: sends(PAGE, '', 'HTTP/1.1'),
    record: {
      responseBytes: 'a sentence',
      httpStatus: 426,
      attempts: 0,
      endpoint: undefined,
      reason: /^http1_on_grpc_route: /,
    },
  },
  {
    name: 'a page that is still awaited when the proxy stops',
    services: [webService(() => undefined)],
    upstream: HTTP1,
    act: async (scene) => {
      const client = await scene.socket();
      client.send(...PAGE);
      await eventually('it runs', () => scene.proxy.plane.load.calls === 1 || undefined);
      await scene.proxy.proxy.drain();
    },
    record: { responseBytes: 'a sentence', httpStatus: 503, attempts: undefined, reason: /^draining: / },
  },
];

const open = (
  service: Bare,
  act: (client: BareClient, scene: Scene) => unknown,
): Pick<EndRow, 'services' | 'upstream' | 'act'> => ({
  services: [service],
  upstream: HTTP1,
  act: sends(WEBSOCKET_HEAD, '', '101 Switching Protocols', act),
});

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

for (const row of [...GRPC_WEB_ENDS, ...HTTP1_ENDS, ...WEBSOCKET_ENDS])
  test(`the record of ${row.name}`, (t) => checkEnd(t, row));
