// What a response says, and when a gRPC client cannot be given it as it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { CallPlan, PLAIN } from '../../src/relay/call-plan.ts';
import { ResponseHead } from '../../src/relay/response-head.ts';

type Field = readonly [name: string, value: string];

const GRPC: Field = ['content-type', 'application/grpc+proto'];

function head(status: string, ...fields: readonly Field[]): ResponseHead {
  return new ResponseHead(HeaderList.of([':status', status], ...fields));
}

test('status, content type and grpc-status are read', () => {
  const { httpStatus, isGrpc, grpcStatus, contentType } = head('200', GRPC, ['grpc-status', '14']);
  assert.deepEqual(
    { httpStatus, isGrpc, grpcStatus, contentType },
    { httpStatus: 200, isGrpc: true, grpcStatus: 'UNAVAILABLE', contentType: 'application/grpc+proto' },
  );
});

test('a trailer section has a status of gRPC and none of HTTP', () => {
  const trailers = new ResponseHead(HeaderList.of(['grpc-status', '0']));
  assert.deepEqual([trailers.httpStatus, trailers.grpcStatus, trailers.contentType], [0, 'OK', '']);
});

test('a status gRPC does not know comes through as it is, and an empty one is none', () => {
  assert.equal(head('200', GRPC, ['grpc-status', '99']).grpcStatus, '99');
  assert.equal(head('200', GRPC, ['grpc-status', '']).grpcStatus, '');
});

test('gRPC that begins, and Trailers-Only, are passed on', () => {
  assert.equal(head('200', GRPC).whyNotGrpc('a:1', false), undefined);
  assert.equal(head('200', GRPC, ['grpc-status', '5']).whyNotGrpc('a:1', true), undefined);
});

test('a grpc-status counts, whatever stands beside it', () => {
  assert.equal(head('503', ['grpc-status', '14']).whyNotGrpc('a:1', true), undefined);
  assert.equal(
    head('200', ['content-type', 'text/html'], ['grpc-status', '0']).whyNotGrpc('a:1', true),
    undefined,
  );
});

test('what is not gRPC is named with its HTTP status and content type', () => {
  const table: [head: ResponseHead, grpcStatus: number, says: RegExp][] = [
    [head('404', ['content-type', 'text/html']), 12, /^a:1 answered .* HTTP 404 and content-type text\/html/],
    [head('200', ['content-type', 'application/grpc-web']), 2, /application\/grpc-web/],
    [head('200'), 2, /no content-type/],
    [head('502', GRPC), 14, /HTTP 502/],
    [head('401'), 16, /HTTP 401/],
  ];
  for (const [response, grpcStatus, says] of table) {
    for (const endStream of [false, true]) {
      const failure = response.whyNotGrpc('a:1', endStream);
      assert.equal(failure?.token, 'upstream_not_grpc');
      assert.equal(failure.grpcStatus, grpcStatus);
      assert.match(failure.message, says);
    }
  }
});

test('a gRPC response that is only a header block without a status is an error', () => {
  const failure = head('200', GRPC).whyNotGrpc('a:1', true);
  assert.equal(failure?.token, 'upstream_no_grpc_status');
});

test('the head of a list is made once', () => {
  const list = HeaderList.of([':status', '200'], GRPC);
  assert.equal(ResponseHead.of(list), ResponseHead.of(list));
  list.derived = 'of somebody else';
  assert.equal(ResponseHead.of(list).httpStatus, 200);
});

test('trailers lose what may not stand there, and those of gRPC only what belongs to framing', () => {
  const names = (...fields: readonly Field[]) => new ResponseHead(HeaderList.of(...fields)).fields.names;
  const both: readonly Field[] = [
    ['date', 'x'],
    ['content-length', '1'],
    ['x-sum', '1'],
  ];
  assert.deepEqual(names(...both), ['x-sum']);
  assert.deepEqual(names(['grpc-status', '0'], ...both), ['grpc-status', 'date', 'x-sum']);
});

function planOf(route: string): CallPlan {
  return new CallPlan([{ key: 'k', respond: (_fields, edit) => edit.set('x-route', route) }], assert.ifError);
}

test('a head that is met by the calls of two routes is edited for each by its own policies', () => {
  const [one, other] = [planOf('one'), planOf('other')];
  const met = head('200', GRPC);
  for (let round = 0; round < 2; round++) {
    assert.equal(met.editedBy(one)?.fields.get('x-route'), 'one');
    assert.equal(met.editedBy(other)?.fields.get('x-route'), 'other');
    assert.equal(met.editedBy(PLAIN), met);
  }
  assert.equal(met.editedBy(one), met.editedBy(one));
});
