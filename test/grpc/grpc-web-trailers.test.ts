// The trailer frame of gRPC-Web, byte for byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trailerFrame } from '../../src/grpc/grpc-web-trailers.ts';

test('trailers are one frame with the top bit set, and a line ended by CRLF for each', () => {
  const frame = trailerFrame(['grpc-status', 'grpc-message'], ['5', 'no such call']);
  const block = 'grpc-status: 5\r\ngrpc-message: no such call\r\n';
  assert.deepEqual(frame, Buffer.concat([Buffer.from([0x80, 0, 0, 0, block.length]), Buffer.from(block)]));
});

test('values keep their bytes, and repeated names their order', () => {
  const frame = trailerFrame(['x', 'x', 'y-bin'], ['\u00ff\u0080', '%zz', 'AAEC']);
  assert.deepEqual(frame.subarray(5), Buffer.from('x: \u00ff\u0080\r\nx: %zz\r\ny-bin: AAEC\r\n', 'latin1'));
  assert.equal(frame.readUInt32BE(1), frame.length - 5);
});
