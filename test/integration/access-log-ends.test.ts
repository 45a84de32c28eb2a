// The access log's record for every way in which a gRPC call over HTTP/2 can end.

import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { checkEnd, type EndRow, MESSAGE, type Scene } from '../support/call-ends.ts';
import { eventually } from '../support/eventually.ts';
import { connectRawClient, type RawClient } from '../support/raw-client.ts';
import type { RawRequest, RawServerOptions } from '../support/raw-server.ts';

const PATH = '/a.B/C';
const MIB = 1024 * 1024;

const SUCCEED: RawServerOptions = { onRequestEnd: (request) => request.succeed(Buffer.alloc(5)) };
const ONE_MESSAGE = { requestBytes: 10, requestMessages: 1 } as const;

/** Makes a call with one message, and waits for its end. */
async function whole({ client }: Scene): Promise<void> {
  const made = await client();
  await made.outcome(made.call({ path: PATH, body: MESSAGE }));
}

/** Makes a call without a message. */
async function bare({ client }: Scene): Promise<void> {
  const made = await client();
  await made.outcome(made.call({ path: PATH }));
}

/** Begins a call, and does something once the service has it. */
function during(act: (client: RawClient, streamId: number, scene: Scene) => unknown, waitsForHead = false) {
  return async (scene: Scene): Promise<void> => {
    const client = await scene.client();
    const streamId = client.call({ path: PATH, body: MESSAGE, endStream: false });
    const request = await scene.service.wantRequest();
    await eventually('the message', () => request.body.length === MESSAGE.length || undefined);
    if (waitsForHead) await client.wantHeaders(streamId);
    await act(client, streamId, scene);
  };
}

function serviceDoes(act: (request: RawRequest) => unknown): RawServerOptions {
  return { onRequestEnd: act };
}

const trailersOnly = (status: string) => (request: RawRequest) =>
  request.sendTrailers([
    [':status', '200'],
    ['content-type', 'application/grpc'],
    ['grpc-status', status],
  ]);

const ENDS_OF_SERVICE: readonly EndRow[] = [
  {
    name: 'a success',
    services: [SUCCEED],
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'OK',
      responseBytes: 10,
      responseMessages: 1,
      endedBy: 'upstream',
    },
  },
  {
    name: 'an error in trailers',
    services: [
      serviceDoes((request) => {
        request.sendHeaders();
        request.sendMessage(Buffer.alloc(5));
        request.sendTrailers([['grpc-status', '9']]);
      }),
    ],
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'FAILED_PRECONDITION',
      responseBytes: 10,
      responseMessages: 1,
      endedBy: 'upstream',
    },
  },
  {
    name: 'an error in Trailers-Only',
    services: [serviceDoes(trailersOnly('5'))],
    act: whole,
    record: { ...ONE_MESSAGE, grpcStatus: 'NOT_FOUND', endedBy: 'upstream' },
  },
  {
    name: 'a reset by the service before its response',
    services: [serviceDoes((request) => request.reset(ErrorCode.ENHANCE_YOUR_CALM))],
    act: whole,
    record: {
      ...ONE_MESSAGE,
      httpStatus: 0,
      grpcStatus: 'RESOURCE_EXHAUSTED',
      endedBy: 'upstream',
      reason: /^127\.0\.0\.1:\d+ reset the call \(ENHANCE_YOUR_CALM\)\.$/,
    },
  },
  {
    name: 'a reset by the service in its response',
    services: [
      serviceDoes((request) => {
        request.sendHeaders();
        request.sendMessage(Buffer.alloc(5));
        request.reset(ErrorCode.CANCEL);
      }),
    ],
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'CANCELLED',
      responseBytes: 10,
      responseMessages: 1,
      endedBy: 'upstream',
      reason: / reset the call \(CANCEL\)\.$/,
    },
  },
  {
    name: 'a connection that the service loses before its response',
    services: [serviceDoes((request) => request.peer.destroy())],
    act: whole,
    record: { ...ONE_MESSAGE, grpcStatus: 'UNAVAILABLE', reason: /^upstream_connection_lost: / },
  },
  {
    name: 'a connection that the service loses in its response',
    services: [
      serviceDoes((request) => {
        request.sendHeaders();
        request.sendMessage(Buffer.alloc(5));
        setImmediate(() => request.peer.destroy());
      }),
    ],
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'UNAVAILABLE',
      responseBytes: 10,
      responseMessages: 1,
      reason: /^upstream_connection_lost: /,
    },
  },
  {
    name: 'a rule of HTTP/2 that the service breaks on the stream',
    services: [
      serviceDoes((request) => {
        request.sendHeaders([
          [':status', '200'],
          ['content-type', 'application/grpc'],
          ['content-length', '3'],
        ]);
        request.sendMessage(Buffer.alloc(5));
        request.sendTrailers();
      }),
    ],
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'INTERNAL',
      reason: /^upstream_protocol_error: .*content_length_mismatch/,
    },
  },
  {
    name: 'a response that is not gRPC',
    services: [
      serviceDoes((request) =>
        request.sendTrailers([
          [':status', '404'],
          ['content-type', 'text/html'],
        ]),
      ),
    ],
    act: whole,
    record: { ...ONE_MESSAGE, grpcStatus: 'UNIMPLEMENTED', reason: /^upstream_not_grpc: / },
  },
  {
    name: 'a response without a status',
    services: [
      serviceDoes((request) => {
        request.sendHeaders();
        request.sendTrailers([['x-end', '1']]);
      }),
    ],
    act: whole,
    record: { ...ONE_MESSAGE, grpcStatus: 'UNKNOWN', reason: /^upstream_no_grpc_status: / },
  },
];

const ENDS_OF_CLIENT: readonly EndRow[] = [
  {
    name: 'a call that its client resets',
    act: during((client, streamId) => client.sendReset(streamId, ErrorCode.CANCEL)),
    record: {
      ...ONE_MESSAGE,
      httpStatus: 0,
      grpcStatus: 'CANCELLED',
      endedBy: 'downstream',
      reason: 'The client reset the call (CANCEL).',
    },
  },
  {
    name: 'a call that its client resets in the response',
    services: [
      {
        onRequest: (request) => {
          request.sendHeaders();
        },
      },
    ],
    act: during((client, streamId) => client.sendReset(streamId, ErrorCode.CANCEL), true),
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'CANCELLED',
      endedBy: 'downstream',
      reason: 'The client reset the call (CANCEL).',
    },
  },
  {
    name: 'a call whose client disconnects',
    act: during((client) => client.destroy()),
    record: {
      ...ONE_MESSAGE,
      httpStatus: 0,
      grpcStatus: 'CANCELLED',
      endedBy: 'downstream',
      reason: /^The client's connection is gone: /,
    },
  },
  {
    name: 'a rule of HTTP/2 that the client breaks on the stream',
    act: async ({ client, service }) => {
      const made = await client();
      const fields = [['content-length', '3']] as const;
      const streamId = made.call({ path: PATH, fields, endStream: false });
      await service.wantRequest();
      made.sendData(streamId, MESSAGE, true);
    },
    record: {
      httpStatus: 0,
      grpcStatus: 'INTERNAL',
      reason: /^content_length_exceeded: |^content_length_mismatch: /,
    },
  },
  {
    name: 'a rule of HTTP/2 that the client breaks on its connection',
    act: during((client) => client.sendData(0, MESSAGE)),
    record: {
      ...ONE_MESSAGE,
      httpStatus: 0,
      grpcStatus: 'CANCELLED',
      endedBy: 'downstream',
      reason: /^The client's connection is gone: /,
    },
  },
];

const DECISIONS: readonly EndRow[] = [
  {
    name: 'a deadline of the client',
    act: async ({ client }) => {
      const made = await client();
      const fields = [['grpc-timeout', '50m']] as const;
      await made.outcome(made.call({ path: PATH, body: MESSAGE, fields }));
    },
    record: { ...ONE_MESSAGE, grpcStatus: 'DEADLINE_EXCEEDED', reason: /^deadline_exceeded: / },
  },
  {
    name: 'a deadline of the route',
    route: { timeouts: { deadline: '50ms' } },
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'DEADLINE_EXCEEDED',
      reason: /^deadline_exceeded: .*timeouts\.deadline/,
    },
  },
  {
    name: 'a response that is silent for too long',
    route: { timeouts: { idle: '100ms' } },
    act: whole,
    record: { ...ONE_MESSAGE, grpcStatus: 'UNAVAILABLE', reason: /^response_idle: / },
  },
  {
    name: 'a request that is silent for too long',
    route: { timeouts: { idle: '100ms' } },
    act: during(() => undefined),
    record: { ...ONE_MESSAGE, grpcStatus: 'UNAVAILABLE', reason: /^request_idle: / },
  },
  {
    name: 'a call without a route',
    route: { match: { path: '/known.Service/*' } },
    act: whole,
    record: {
      // The call is over when its header block has come.
      requestBytes: undefined,
      requestMessages: undefined,
      grpcStatus: 'UNIMPLEMENTED',
      attempts: 0,
      endpoint: undefined,
      route: '',
      reason: /^no_route: /,
    },
  },
  {
    name: 'a plaintext client on a port for TLS',
    act: async ({ t, proxy }) => {
      const made = await connectRawClient({ port: proxy.port('tls') });
      t.after(() => made.destroy());
      await made.outcome(made.call({ path: PATH }));
    },
    record: {
      grpcStatus: 'UNAVAILABLE',
      attempts: 0,
      endpoint: undefined,
      reason: /^plaintext_on_tls_port: /,
    },
  },
  {
    name: 'a deadline that cannot be read',
    act: async ({ client }) => {
      const made = await client();
      await made.outcome(made.call({ path: PATH, fields: [['grpc-timeout', 'soon']] }));
    },
    record: {
      grpcStatus: 'INTERNAL',
      attempts: 0,
      endpoint: undefined,
      reason: /^timeout_malformed: /,
    },
  },
  {
    name: 'a request with too many header fields',
    settings: { sections: { limits: { headerListSize: '16KiB' } } },
    act: async ({ client }) => {
      const made = await client();
      const fields = Array.from({ length: 20 }, (_, index) => [`x-${index}`, 'x'.repeat(1000)] as const);
      await made.outcome(made.call({ path: PATH, fields }));
    },
    record: {
      grpcStatus: 'RESOURCE_EXHAUSTED',
      attempts: 0,
      endpoint: undefined,
      reason: /^request_headers_too_large: /,
    },
  },
  {
    name: 'a call to a service that is down',
    services: ['down'],
    act: bare,
    record: {
      grpcStatus: 'UNAVAILABLE',
      attempts: 0,
      endpoint: undefined,
      reason: /^upstream_connection_refused: /,
    },
  },
  {
    name: 'a call that is one too many for the upstream',
    upstream: { limits: { streams: 1 } },
    act: async (scene) => {
      const before = await scene.client();
      before.call({ path: '/before', endStream: false });
      await scene.service.wantRequest();
      await bare(scene);
    },
    record: {
      grpcStatus: 'UNAVAILABLE',
      attempts: 0,
      endpoint: undefined,
      reason: /^upstream_streams_full: /,
    },
  },
  {
    name: 'a call that finds the queue full',
    services: [{ settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]] }],
    upstream: { limits: { pending: 1 }, connections: { max: 1 } },
    act: async (scene) => {
      const before = await scene.client();
      before.call({ path: '/before/runs', endStream: false });
      await scene.service.wantRequest();
      before.call({ path: '/before/waits', endStream: false });
      await eventually('a call waits', () => scene.proxy.plane.load.calls === 2 || undefined);
      await bare(scene);
    },
    record: {
      grpcStatus: 'UNAVAILABLE',
      attempts: 0,
      endpoint: undefined,
      reason: /^upstream_queue_full: /,
    },
  },
  {
    name: 'a call that memory is short for',
    settings: { usedBytes: () => 920 * MIB, sections: { limits: { memory: '1000MiB' } } },
    act: async (scene) => {
      const { proxy } = scene;
      const level = async () => (await proxy.plane.report()).processes[0]?.memory.level;
      await eventually('memory is short', async () => (await level()) === 2 || undefined, 30_000);
      await bare(scene);
    },
    record: {
      grpcStatus: 'RESOURCE_EXHAUSTED',
      attempts: 0,
      endpoint: undefined,
      reason: /^memory_pressure: /,
    },
  },
  {
    name: 'a call that is still running when the proxy stops',
    act: during((_client, _streamId, { proxy }) => proxy.proxy.drain()),
    record: { ...ONE_MESSAGE, grpcStatus: 'UNAVAILABLE', reason: /^draining: / },
  },
];

const SEVERAL_ATTEMPTS: readonly EndRow[] = [
  {
    name: 'a call that succeeds at its second attempt',
    services: [serviceDoes(trailersOnly('14')), SUCCEED],
    route: { retry: { attempts: 2, backoff: '1ms' } },
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'OK',
      responseBytes: 10,
      responseMessages: 1,
      attempts: 2,
      tried: [0, 1],
      endpoint: 1,
      endedBy: 'upstream',
    },
  },
  {
    name: 'a call whose attempts all fail',
    services: [serviceDoes(trailersOnly('14'))],
    route: { retry: { attempts: 3, backoff: '1ms' } },
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'UNAVAILABLE',
      attempts: 3,
      tried: [0, 0, 0],
      endedBy: 'upstream',
    },
  },
  {
    name: 'a call that no service has processed at first',
    services: [serviceDoes((request) => request.reset(ErrorCode.REFUSED_STREAM)), SUCCEED],
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'OK',
      responseBytes: 10,
      responseMessages: 1,
      attempts: 2,
      tried: [0, 1],
      endpoint: 1,
      endedBy: 'upstream',
    },
  },
  {
    name: 'a hedged call',
    services: [{}, SUCCEED],
    route: { hedge: { attempts: 2, delay: '10ms' } },
    act: whole,
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'OK',
      responseBytes: 10,
      responseMessages: 1,
      attempts: 2,
      tried: [0, 1],
      endpoint: 1,
      endedBy: 'upstream',
    },
  },
];

for (const row of [...ENDS_OF_SERVICE, ...ENDS_OF_CLIENT, ...DECISIONS, ...SEVERAL_ATTEMPTS])
  test(`the record of ${row.name}`, (t) => checkEnd(t, row));
