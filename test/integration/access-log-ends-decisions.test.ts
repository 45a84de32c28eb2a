// The access log's record for every way in which Framegate can end a gRPC call over HTTP/2, and for deadlines.

import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { checkEnd, type EndRow, MESSAGE } from '../support/call-ends.ts';
import { bare, during, ONE_MESSAGE, PATH, SUCCEED, whole } from '../support/ended-calls.ts';
import { eventually } from '../support/eventually.ts';
import { connectRawClient } from '../support/raw-client.ts';

const MIB = 1024 * 1024;

const DECISIONS: readonly EndRow[] = [
  {
    name: 'a deadline of the client',
    act: async ({ client }) => {
      const made = await client();
      const fields = [['grpc-timeout', '50m']] as const;
      await made.outcome(made.call({ path: PATH, body: MESSAGE, fields }));
    },
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'DEADLINE_EXCEEDED',
      deadlineMs: 50,
      reason: /^deadline_exceeded: /,
    },
  },
  {
    name: 'a success with a deadline',
    services: [SUCCEED],
    act: async ({ client }) => {
      const made = await client();
      const fields = [['grpc-timeout', '7H']] as const;
      await made.outcome(made.call({ path: PATH, body: MESSAGE, fields }));
    },
    record: {
      ...ONE_MESSAGE,
      grpcStatus: 'OK',
      responseBytes: 10,
      responseMessages: 1,
      deadlineMs: 25_200_000,
      endedBy: 'upstream',
    },
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
    name: 'a deadline that passes while the call waits for a place',
    services: [{ onSocket: () => undefined }],
    route: { timeouts: { deadline: '50ms' } },
    act: bare,
    record: {
      grpcStatus: 'DEADLINE_EXCEEDED',
      attempts: 0,
      endpoint: undefined,
      blockedBy: 'service',
      reason: /^deadline_exceeded: .*\. The call waits for a place at its upstream: no endpoint has/,
    },
  },
  {
    name: 'a call that its client resets while it waits for a place',
    services: [{ onSocket: () => undefined }],
    act: async (scene) => {
      const client = await scene.client();
      const streamId = client.call({ path: PATH, endStream: false });
      await eventually('it runs', () => scene.proxy.plane.load.calls === 1 || undefined);
      client.sendReset(streamId, ErrorCode.CANCEL);
    },
    record: {
      httpStatus: 0,
      grpcStatus: 'CANCELLED',
      attempts: 0,
      endpoint: undefined,
      endedBy: 'downstream',
      blockedBy: 'service',
      reason: /^The client reset the call \(CANCEL\)\. The call waits for a place at its upstream: /,
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

for (const row of DECISIONS) test(`the record of ${row.name}`, (t) => checkEnd(t, row));
