// The two errors of the protocol, and the names of codes and types.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode, errorCodeName } from '../../src/h2/error-codes.ts';
import { ConnectionError, StreamError } from '../../src/h2/errors.ts';
import { FrameType, frameTypeName } from '../../src/h2/frame-type.ts';

test('a connection error names code and token in its message and keeps its cause', () => {
  const cause = new Error('below');
  const error = new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'some_token', 'what happened', { cause });
  assert.equal(error.message, 'what happened (PROTOCOL_ERROR, some_token)');
  assert.equal(error.cause, cause);
  assert.equal(error.name, 'ConnectionError');
});

test('a stream error names its stream too', () => {
  const error = new StreamError(5, ErrorCode.STREAM_CLOSED, 'some_token', 'what happened');
  assert.equal(error.message, 'what happened (stream 5, STREAM_CLOSED, some_token)');
  assert.equal(error.name, 'StreamError');
});

test('every code has the number of RFC 9113 section 7', () => {
  Object.entries(ErrorCode).forEach(([name, code], number) => {
    assert.equal(code, number);
    assert.equal(errorCodeName(number), name);
  });
  assert.equal(errorCodeName(0xe), '0xe');
  assert.equal(errorCodeName(0xffffffff), '0xffffffff');
});

test('every frame type has the number of RFC 9113 section 6', () => {
  Object.entries(FrameType).forEach(([name, type], number) => {
    assert.equal(type, number);
    assert.equal(frameTypeName(number), name);
  });
  assert.equal(frameTypeName(0x10), 'type 0x10');
});
