// The access log's record for every way in which a client or a service can end a gRPC call over HTTP/2.

import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { checkEnd, type EndRow, MESSAGE } from '../support/call-ends.ts';
import { during, ONE_MESSAGE, PATH, SUCCEED, serviceDoes, whole } from '../support/ended-calls.ts';
import type { RawRequest } from '../support/raw-server.ts';

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
      reason: /^The client reset the call \(CANCEL\)\./,
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
      reason: /^The client reset the call \(CANCEL\)\./,
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

for (const row of [...ENDS_OF_SERVICE, ...ENDS_OF_CLIENT, ...SEVERAL_ATTEMPTS])
  test(`the record of ${row.name}`, (t) => checkEnd(t, row));
