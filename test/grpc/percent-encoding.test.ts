import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { trailers, trailersOnly } from '../../src/grpc/error-trailers.ts';
import { encodeGrpcMessage } from '../../src/grpc/percent-encoding.ts';
import { decodeGrpcMessage } from '../support/grpc-message.ts';

test('printable ASCII but the percent sign is kept, everything else is escaped', () => {
  assert.equal(encodeGrpcMessage('all is ~ well!'), 'all is ~ well!');
  assert.equal(encodeGrpcMessage('100%'), '100%25');
  assert.equal(encodeGrpcMessage('a\r\nb\tc\x7f'), 'a%0D%0Ab%09c%7F');
  assert.equal(encodeGrpcMessage('é'), '%C3%A9');
  assert.equal(encodeGrpcMessage('😀'), '%F0%9F%98%80');
  assert.equal(encodeGrpcMessage('\ud800'), '%EF%BF%BD');
});

test('a limit never cuts an escape or a character in two', () => {
  assert.equal(encodeGrpcMessage('abc', 2), 'ab');
  assert.equal(encodeGrpcMessage('aé', 6), 'a');
  assert.equal(encodeGrpcMessage('aé', 7), 'a%C3%A9');
});

test('whatever was encoded decodes to itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const encoded = encodeGrpcMessage(text);
      assert.match(encoded, /^[\x20-\x7e]*$/);
      assert.equal(decodeGrpcMessage(encoded), text);
    }),
  );
});

test('a bad encoding is shown as it is instead of being discarded', () => {
  assert.equal(decodeGrpcMessage('50% off'), '50% off');
  assert.equal(decodeGrpcMessage('%'), '%');
  assert.equal(decodeGrpcMessage('%4'), '%4');
  assert.equal(decodeGrpcMessage('%zz%41%'), '%zzA%');
  assert.equal(decodeGrpcMessage('%c3%A9'), 'é');
  assert.equal(decodeGrpcMessage('%ff'), '\ufffd');
  assert.equal(decodeGrpcMessage('\xc3\xa9'), 'é', 'bytes that were never escaped are UTF-8 too');
});

test('an error before response headers is one block with status 200', () => {
  assert.deepEqual(trailersOnly(14, '127.0.0.1:1 refused the connection – is it running?'), [
    [':status', '200'],
    ['content-type', 'application/grpc'],
    ['grpc-status', '14'],
    ['grpc-message', '127.0.0.1:1 refused the connection %E2%80%93 is it running?'],
  ]);
});

test('an error after response headers has no pseudo-header fields', () => {
  assert.deepEqual(trailers(4, 'late'), [
    ['grpc-status', '4'],
    ['grpc-message', 'late'],
  ]);
  assert.deepEqual(trailers(1, ''), [['grpc-status', '1']]);
});

test('what follows a message is there whole although the message is cut', () => {
  const [, [, message]] = trailers(13, 'é'.repeat(5000), ' (FG3001)');
  assert.ok(message.length <= 1024 && message.length > 1000);
  assert.match(message, /^(?:%C3%A9)+ \(FG3001\)$/);
  assert.deepEqual(trailersOnly(12, 'No.', ' (FG3001)').at(-1), ['grpc-message', 'No. (FG3001)']);
});

test('a long message is capped', () => {
  const [, field] = trailers(13, 'é'.repeat(5000));
  assert.ok(field[1].length <= 1024 && field[1].length > 1000);
  assert.equal(decodeGrpcMessage(field[1]), 'é'.repeat(field[1].length / 6));
});
