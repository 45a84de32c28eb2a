// Responses of the proxy's own, as gRPC clients and as others get them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { localResponse, localTrailers } from '../../src/calls/local-response.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';

const CAUSE = failure('no_route', 'No route für "x": 100 %');

function fieldsOf({ names, values }: HeaderList): string[] {
  return names.map((name, index) => `${name}: ${values[index]}`);
}

test('a gRPC client gets Trailers-Only with HTTP 200', () => {
  const { httpStatus, fields, body } = localResponse(CAUSE, { isGrpc: true, isHead: false });
  assert.deepEqual(fieldsOf(fields), [
    ':status: 200',
    'content-type: application/grpc',
    'grpc-status: 12',
    'grpc-message: No route f%C3%BCr "x": 100 %25 (FG3001)',
  ]);
  assert.deepEqual([httpStatus, body], [200, undefined]);
});

test('another client gets the HTTP status and a line of text', () => {
  const { httpStatus, fields, body } = localResponse(CAUSE, { isGrpc: false, isHead: false });
  assert.equal(body?.toString(), 'No route für "x": 100 % (FG3001)\n');
  assert.deepEqual(fieldsOf(fields), [
    ':status: 404',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${body.length}`,
  ]);
  assert.equal(httpStatus, 404);
});

test('the fields of a failure are sent once, in place of those of the proxy', () => {
  const cause = {
    ...CAUSE,
    retryAfterMs: 1500,
    fields: [
      ['content-type', 'text/html'],
      ['retry-after', '7'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
  } as const;
  const web = localResponse(cause, { isGrpc: false, isHead: false });
  assert.deepEqual(fieldsOf(web.fields), [
    ':status: 404',
    `content-length: ${web.body?.length}`,
    'content-type: text/html',
    'retry-after: 7',
    'set-cookie: a=1',
    'set-cookie: b=2',
  ]);
  const grpc = localResponse(cause, { isGrpc: true, isHead: false });
  assert.deepEqual(fieldsOf(grpc.fields).slice(4), [
    'grpc-retry-pushback-ms: 1500',
    'retry-after: 7',
    'set-cookie: a=1',
    'set-cookie: b=2',
  ]);
});

test('HEAD is answered with the fields of that, and without the text', () => {
  const get = localResponse(CAUSE, { isGrpc: false, isHead: false });
  const head = localResponse(CAUSE, { isGrpc: false, isHead: true });
  assert.deepEqual(fieldsOf(head.fields), fieldsOf(get.fields));
  assert.equal(head.body, undefined);
});

test('trailers hold the status and no pseudo-header field', () => {
  assert.deepEqual(fieldsOf(localTrailers(CAUSE)), [
    'grpc-status: 12',
    'grpc-message: No route f%C3%BCr "x": 100 %25 (FG3001)',
  ]);
});

test('a wait is told in whole milliseconds of at most 32 bits, whoever says how long it is', () => {
  const waits = [
    [276.738_543_999_999_8, '277', '1'],
    [0.25, '1', '1'],
    [1000, '1000', '1'],
    [1000.000_001, '1001', '2'],
    [1e21, '2147483647', '2147484'],
    [Number.POSITIVE_INFINITY, '2147483647', '2147484'],
    [-3.5, '0', '0'],
  ] as const;
  for (const [retryAfterMs, pushback, retryAfter] of waits) {
    const cause = { ...CAUSE, retryAfterMs };
    const grpc = localResponse(cause, { isGrpc: true, isHead: false });
    assert.equal(grpc.fields.get('grpc-retry-pushback-ms'), pushback);
    assert.equal(localTrailers(cause).get('grpc-retry-pushback-ms'), pushback);
    const http = localResponse(cause, { isGrpc: false, isHead: false });
    assert.equal(http.fields.get('retry-after'), retryAfter);
  }
});
