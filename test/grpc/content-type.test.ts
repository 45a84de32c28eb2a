import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGrpcContentType, isMalformedGrpcType } from '../../src/grpc/content-type.ts';

test('application/grpc is gRPC with every subtype, parameter and case', () => {
  for (const value of [
    'application/grpc',
    'application/grpc+proto',
    'application/grpc+json',
    'application/grpc;charset=utf-8',
    'application/grpc ; charset=utf-8',
    'Application/gRPC',
    'APPLICATION/GRPC+PROTO',
  ]) {
    assert.equal(isGrpcContentType(value), true, value);
  }
});

test('gRPC-Web and everything else is not', () => {
  for (const value of [
    undefined,
    '',
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grpc-web-text',
    'application/grpcx',
    'application/grp',
    'application/json',
    ' application/grpc',
    'text/html',
  ]) {
    assert.equal(isGrpcContentType(value), false, value);
  }
});

test('what begins like gRPC and is neither gRPC nor gRPC-Web is malformed, and nothing else is', () => {
  for (const value of [
    'application/grpcx',
    'application/grpc,x',
    'application/grpc-',
    'application/grpc-webx',
    'application/grpc-web,application/grpc',
    'Application/GRPC/json',
  ])
    assert.equal(isMalformedGrpcType(value), true, value);
  for (const value of [
    undefined,
    '',
    'application/grp',
    'application/json',
    'application/grpc',
    'application/grpc;',
    'Application/gRPC+proto',
    'application/grpc-web',
    'application/grpc-web-text+proto; charset=utf-8',
  ])
    assert.equal(isMalformedGrpcType(value), false, value);
});
