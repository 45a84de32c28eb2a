// Which content-types keep a request from services that speak HTTP/2.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGrpcContentType } from '../../src/grpc/content-type.ts';
import { whyContentRefused } from '../../src/relay/request-content.ts';

interface Given {
  readonly protocol?: string;
  readonly isForGrpcAlone?: boolean;
  readonly translation?: object;
}

function isRefused(contentType: string | undefined, given: Given = {}): boolean {
  const { protocol = 'h2c', isForGrpcAlone = false, translation } = given;
  const plan = { isForGrpcAlone };
  const terms = { isGrpc: isGrpcContentType(contentType), translation, target: { protocol }, plan };
  const refusal = whyContentRefused(contentType, terms);
  if (refusal !== undefined)
    assert.equal(`${refusal.token} ${refusal.httpStatus}`, 'content_type_refused 415');
  return refusal !== undefined;
}

const OTHERS = [undefined, '', 'text/plain', 'application/json', 'application/grpc-web', 'application/proto'];
const MALFORMED = ['application/grpcx', 'application/grpc,x', 'application/grpc-webx'];

test('a content-type that only begins like gRPC is refused on all routes to HTTP/2 services', () => {
  for (const protocol of ['h2', 'h2c'])
    for (const contentType of MALFORMED) assert.ok(isRefused(contentType, { protocol }), contentType);
  for (const contentType of OTHERS) assert.ok(!isRefused(contentType), contentType);
});

test('all that is not gRPC is refused where limits can be kept for gRPC alone', () => {
  for (const contentType of [...OTHERS, ...MALFORMED])
    assert.ok(isRefused(contentType, { isForGrpcAlone: true }), contentType);
  for (const contentType of ['application/grpc', 'application/grpc+proto', 'Application/gRPC;x'])
    assert.ok(!isRefused(contentType, { isForGrpcAlone: true }), contentType);
});

test('a request that is translated, or that an HTTP/1.1 service or the proxy itself answers, passes', () => {
  for (const contentType of [...OTHERS, ...MALFORMED]) {
    assert.ok(!isRefused(contentType, { isForGrpcAlone: true, protocol: 'http1' }), contentType);
    assert.ok(!isRefused(contentType, { isForGrpcAlone: true, translation: {} }), contentType);
    const local = {
      isGrpc: false,
      translation: undefined,
      target: undefined,
      plan: { isForGrpcAlone: true },
    };
    assert.equal(whyContentRefused(contentType, local), undefined);
  }
});
