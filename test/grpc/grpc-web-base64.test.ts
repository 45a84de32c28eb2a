// base64 as a stream: however the body is cut and wherever its sender had to pad, the bytes come out; garbage is found.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as holds, nat, property, uint8Array } from 'fast-check';
import { Base64Decoder, encodeBase64 } from '../../src/grpc/grpc-web-base64.ts';

/** Decodes `text` in pieces of the lengths given, then the rest. */
function decoded(text: string, lengths: readonly number[] = []): Buffer | undefined {
  const decoder = new Base64Decoder();
  const bytes = Buffer.from(text, 'latin1');
  const pieces: Buffer[] = [];
  let start = 0;
  for (const length of [...lengths, bytes.length]) {
    const end = Math.min(bytes.length, start + length);
    const piece = decoder.decode(bytes, start, end);
    if (piece === undefined) return undefined;
    pieces.push(Buffer.from(piece));
    start = end;
  }
  return decoder.isComplete ? Buffer.concat(pieces) : undefined;
}

test('any bytes, encoded in any pieces and received in any others, come out as they were', () => {
  holds(
    property(array(uint8Array({ maxLength: 40 }), { maxLength: 8 }), array(nat(9)), (sent, cuts) => {
      const text = sent.map((piece) => encodeBase64(Buffer.from(piece), 0, piece.length)).join('');
      assert.deepEqual(decoded(text, cuts), Buffer.concat(sent));
    }),
  );
});

test('what is encoded is what others decode', () => {
  holds(
    property(uint8Array({ maxLength: 100 }), (bytes) => {
      const text = encodeBase64(Buffer.from(bytes), 0, bytes.length).toString('latin1');
      assert.equal(text, Buffer.from(bytes).toString('base64'));
      assert.equal(text.length % 4, 0);
    }),
  );
});

test('bytes are given as soon as four characters are there', () => {
  const decoder = new Base64Decoder();
  assert.equal(decoder.decode(Buffer.from('QU'), 0, 2)?.length, 0);
  assert.equal(decoder.isComplete, false);
  assert.equal(decoder.decode(Buffer.from('JDRA'), 0, 4)?.toString(), 'ABC');
  assert.equal(decoder.decode(Buffer.from('=='), 0, 2)?.toString(), 'D');
  assert.equal(decoder.isComplete, true);
});

for (const garbage of ['QU!D', 'QU-_', 'Q===', '====', 'QU=D', 'QUJD\n', 'QUJD=', 'QU JD', 'QUJ\u00e9']) {
  test(`${JSON.stringify(garbage)} is not base64`, () => assert.equal(decoded(garbage), undefined));
}

for (const cut of ['Q', 'QU', 'QUJ', 'QU=']) {
  test(`${cut} is the beginning of something`, () => {
    const decoder = new Base64Decoder();
    assert.equal(decoder.decode(Buffer.from(cut), 0, cut.length)?.length, 0);
    assert.equal(decoder.isComplete, false);
  });
}
