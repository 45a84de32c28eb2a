// Windows as arithmetic: what an update adds, what it may not, and when a credit is worth its frame.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { ConnectionError, StreamError } from '../../src/h2/errors.ts';
import { adjustedSendWindow, increasedSendWindow, isWorthCrediting } from '../../src/h2/flow-control.ts';

const LARGEST = 0x7fffffff;

test('an update adds to the window, also to a negative one', () => {
  assert.equal(increasedSendWindow(10, 5, 1), 15);
  assert.equal(increasedSendWindow(-100, 30, 1), -70);
  assert.equal(increasedSendWindow(-100, LARGEST, 0), LARGEST - 100);
});

test('the largest window may be reached', () => {
  assert.equal(increasedSendWindow(0, LARGEST, 1), LARGEST);
  assert.equal(increasedSendWindow(LARGEST - 1, 1, 0), LARGEST);
});

test('window_overflow: ends the stream, or on stream 0 the connection', () => {
  assert.throws(
    () => increasedSendWindow(1, LARGEST, 3),
    (error: unknown) =>
      error instanceof StreamError &&
      error.streamId === 3 &&
      error.token === 'window_overflow' &&
      error.code === ErrorCode.FLOW_CONTROL_ERROR,
  );
  assert.throws(
    () => increasedSendWindow(1, LARGEST, 0),
    (error: unknown) =>
      error instanceof ConnectionError &&
      error.token === 'window_overflow' &&
      error.code === ErrorCode.FLOW_CONTROL_ERROR,
  );
});

test('window_update_zero: ends the stream, or on stream 0 the connection', () => {
  assert.throws(
    () => increasedSendWindow(1, 0, 3),
    (error: unknown) => error instanceof StreamError && error.token === 'window_update_zero',
  );
  assert.throws(
    () => increasedSendWindow(1, 0, 0),
    (error: unknown) => error instanceof ConnectionError && error.token === 'window_update_zero',
  );
});

test('a changed initial size moves the window both ways', () => {
  assert.equal(adjustedSendWindow(100, -300), -200);
  assert.equal(adjustedSendWindow(-200, 300), 100);
  assert.equal(adjustedSendWindow(0, LARGEST), LARGEST);
});

test('window_overflow: an initial size that takes a window above 2^31-1 ends the connection', () => {
  assert.throws(
    () => adjustedSendWindow(1, LARGEST),
    (error: unknown) =>
      error instanceof ConnectionError &&
      error.token === 'window_overflow' &&
      error.code === ErrorCode.FLOW_CONTROL_ERROR,
  );
});

test('half a window is worth crediting, less is not', () => {
  assert.equal(isWorthCrediting(32_767, 65_535), false);
  assert.equal(isWorthCrediting(32_768, 65_535), true);
  assert.equal(isWorthCrediting(0, 65_535), false);
});
