import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { grpcStatusOfHttpStatus } from '../../src/grpc/http-status-mapping.ts';
import { grpcStatusOfReset } from '../../src/grpc/reset-mapping.ts';
import { GrpcStatus, grpcStatusName } from '../../src/grpc/status.ts';

test('the seventeen codes and names are those of grpc-js', () => {
  assert.equal(Object.keys(GrpcStatus).length, 17);
  for (const [name, code] of Object.entries(GrpcStatus)) {
    assert.equal(status[code], name);
    assert.equal(grpcStatusName(code), name);
    assert.equal(grpcStatusName(String(code)), name);
  }
});

test('a code that gRPC does not define is named by its text', () => {
  assert.equal(grpcStatusName(17), '17');
  assert.equal(grpcStatusName(-1), '-1');
  assert.equal(grpcStatusName('99'), '99');
  assert.equal(grpcStatusName('constructor'), 'constructor');
});

test('an HTTP status is mapped as the gRPC document says', () => {
  const expected: readonly (readonly [number, keyof typeof GrpcStatus])[] = [
    [200, 'UNKNOWN'],
    [301, 'UNKNOWN'],
    [400, 'INTERNAL'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'UNIMPLEMENTED'],
    [415, 'UNKNOWN'],
    [429, 'UNAVAILABLE'],
    [431, 'INTERNAL'],
    [500, 'UNKNOWN'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'UNAVAILABLE'],
  ];
  for (const [httpStatus, name] of expected) {
    assert.equal(grpcStatusName(grpcStatusOfHttpStatus(httpStatus)), name, String(httpStatus));
  }
});

test('every reset code is mapped as the gRPC document says', () => {
  const special: Readonly<Record<number, keyof typeof GrpcStatus>> = {
    7: 'UNAVAILABLE',
    8: 'CANCELLED',
    11: 'RESOURCE_EXHAUSTED',
    12: 'PERMISSION_DENIED',
  };
  for (let code = 0; code <= 13; code += 1) {
    assert.equal(grpcStatusName(grpcStatusOfReset(code)), special[code] ?? 'INTERNAL', String(code));
  }
  assert.equal(grpcStatusOfReset(14), GrpcStatus.INTERNAL);
  assert.equal(grpcStatusOfReset(0xffffffff), GrpcStatus.INTERNAL);
});
