// The access log's record for every way in which a call of a web client can end: gRPC-Web and HTTP/1.1.

import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { answers, sends, webService } from '../support/bare-web-service.ts';
import { type BareClient, checkEnd, type EndRow, MESSAGE, type Scene } from '../support/call-ends.ts';
import { eventually } from '../support/eventually.ts';
import type { RawRequest, RawServerOptions } from '../support/raw-server.ts';

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
function serviceDoes(act: (request: RawRequest) => unknown): RawServerOptions {
  return { onRequestEnd: act };
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
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'DEADLINE_EXCEEDED',
      deadlineMs: 50,
      reason: /^deadline_exceeded: /,
    },
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
const GET_FIELDS = [
  [':method', 'GET'],
  ['content-type', 'text/plain'],
] as const;
/** In place of a service. */
const ANSWERED = {
  responseBytes: undefined,
  attempts: 0,
  endpoint: undefined,
  endedBy: 'framegate',
} as const;
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
    name: 'a redirect of a client of HTTP/2',
    services: [answers('HTTP/1.1 308 Permanent Redirect', 'location: /there', 'content-length: 0')],
    upstream: HTTP1,
    act: async ({ client }) => {
      const made = await client();
      await made.outcome(made.call({ path: '/page', fields: GET_FIELDS }));
    },
    record: { httpStatus: 308, endedBy: 'upstream' },
  },
  {
    name: 'a redirect with a page',
    services: [
      webService((socket) =>
        socket.write('HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 4\r\n\r\npage'),
      ),
    ],
    upstream: HTTP1,
    act: sends(PAGE, '', 'page'),
    record: { httpStatus: 302, responseBytes: 4, endedBy: 'upstream' },
  },
  {
    name: 'a redirect by the route',
    upstream: HTTP1,
    route: { upstream: undefined, redirect: { to: 'https' } },
    act: sends(PAGE, '', 'HTTP/1.1'),
    record: { ...ANSWERED, httpStatus: 308, reason: /^route_redirects: / },
  },
  {
    name: 'a redirect by the route of a client of HTTP/2',
    upstream: HTTP1,
    route: { upstream: undefined, redirect: { to: 'https://www.example.com', status: 301 } },
    act: async ({ client }) => {
      const made = await client();
      await made.outcome(made.call({ path: '/page', fields: GET_FIELDS }));
    },
    record: { ...ANSWERED, httpStatus: 301, reason: /^route_redirects: / },
  },
  {
    name: 'a gRPC call to a route that redirects',
    route: { upstream: undefined, redirect: { to: 'https' } },
    act: async ({ client }) => {
      const made = await client();
      await made.outcome(made.call({ path: PATH }));
    },
    record: { ...ANSWERED, grpcStatus: 'UNAVAILABLE', reason: /^route_redirects: / },
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

for (const row of [...GRPC_WEB_ENDS, ...HTTP1_ENDS])
  test(`the record of ${row.name}`, (t) => checkEnd(t, row));
