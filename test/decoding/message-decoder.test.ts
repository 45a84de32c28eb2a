// Messages as a proxy tells of them: compressed, cut, or no messages at all.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { Descriptors } from '../../src/decoding/descriptors.ts';
import { type Decoded, decodeMessage, type SeenMessage } from '../../src/decoding/message-decoder.ts';
import { descriptorSetOf } from '../../src/decoding/proto-files.ts';
import { lengthDelimited } from '../../src/decoding/wire-fields.ts';

const VOICE = join(import.meta.dirname, '../../proto/voice.proto');
const descriptors = Descriptors.ofSets([descriptorSetOf([VOICE], [])]);
const SAY = lengthDelimited(1, Buffer.from('hello'));

function decode(changes: Partial<SeenMessage>): Decoded {
  const message: SeenMessage = {
    path: '/voice.VoiceAssistant/Say',
    direction: 'request',
    upstream: 'voice',
    endpoint: '',
    bytes: SAY,
    isTruncated: false,
    isCompressed: false,
    encoding: '',
    ...changes,
  };
  return decodeMessage(message, descriptors);
}

test('a message is decoded by its method and direction, also behind a prefix of the route', () => {
  const request = { json: { text: 'hello' }, isPart: false };
  assert.deepEqual(decode({}), request);
  assert.deepEqual(decode({ path: '/prefix/voice.VoiceAssistant/Say' }), request);
  const word = Buffer.concat([Buffer.from([8, 7]), lengthDelimited(2, Buffer.from('hi'))]);
  assert.deepEqual(decode({ path: '/voice.VoiceAssistant/Narrate', direction: 'response', bytes: word }), {
    json: { sequence: 7, word: 'hi' },
    isPart: false,
  });
});

test('a compressed message is decompressed by its encoding', () => {
  for (const [encoding, bytes] of [
    ['gzip', gzipSync(SAY)],
    ['deflate', deflateSync(SAY)],
  ] as const)
    assert.deepEqual(decode({ isCompressed: true, encoding, bytes }), {
      json: { text: 'hello' },
      isPart: false,
    });
});

test('of a message that is cut, the complete fields are shown', () => {
  const whole = Buffer.concat([SAY, lengthDelimited(4, Buffer.alloc(1000))]);
  const shown = { json: { text: 'hello' }, isPart: true };
  assert.deepEqual(decode({ bytes: whole.subarray(0, 100), isTruncated: true }), shown);
  const zipped = gzipSync(
    Buffer.concat([
      SAY,
      lengthDelimited(4, Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 251))),
    ]),
  );
  const part = { isCompressed: true, encoding: 'gzip', bytes: zipped.subarray(0, 200), isTruncated: true };
  assert.deepEqual(decode(part), shown);
});

const REFUSED: readonly (readonly [name: string, changes: Partial<SeenMessage>, why: RegExp])[] = [
  ['compressed with what is not known', { isCompressed: true, encoding: 'snappy' }, /compressed with snappy/],
  ['compressed with nothing named', { isCompressed: true }, /an encoding that is not named/],
  ['not compressed as it says', { isCompressed: true, encoding: 'gzip' }, /not what gzip makes/],
  [
    'a small one that becomes very large',
    { isCompressed: true, encoding: 'gzip', bytes: gzipSync(Buffer.alloc(50 * 1024 * 1024)) },
    /more than 1048576 bytes/,
  ],
  ['cut in its first field', { bytes: SAY.subarray(0, 3), isTruncated: true }, /first 3 bytes; --bytes SIZE/],
  [
    'cut in its first field by the proxy',
    { bytes: SAY.subarray(0, 3), isTruncated: true, leftOut: 'memory' },
    /first 3 bytes; the proxy left out the rest: it came in pieces/,
  ],
  [
    'cut where nothing can be decompressed',
    { isCompressed: true, encoding: 'gzip', bytes: gzipSync(SAY).subarray(0, 10), isTruncated: true },
    /no field is complete in its first 10 bytes/,
  ],
  ['of another method', { path: '/voice.VoiceAssistant/Other' }, /no method Other of voice\.VoiceAssistant/],
  ['of no method', { path: '/' }, /no method {2}of/],
  ['no message', { bytes: Buffer.from([0xff, 0xff, 0xff]) }, /cannot be decoded/],
  ['with text that is no UTF-8', { bytes: Buffer.from([10, 2, 0xc3, 0x28]) }, /cannot be decoded/],
];

for (const [name, changes, why] of REFUSED)
  test(`a message ${name} is not decoded, and the reason is told`, () => {
    const decoded = decode(changes);
    assert.match('why' in decoded ? decoded.why : JSON.stringify(decoded), why);
  });

test('an empty message is one, and its JSON is empty', () => {
  assert.deepEqual(decode({ bytes: Buffer.alloc(0) }), { json: {}, isPart: false });
});

test('any bytes are decoded or not, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), fc.boolean(), (bytes, cut, zip) => {
      const path = '/voice.VoiceAssistant/Narrate';
      const decoded = decode({
        path,
        bytes: Buffer.from(bytes),
        isTruncated: cut,
        isCompressed: zip,
        encoding: 'gzip',
      });
      assert.ok('why' in decoded || JSON.stringify(decoded.json) !== undefined);
    }),
  );
});
