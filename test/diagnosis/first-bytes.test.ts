import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { classifyFirstBytes, FIRST_BYTES_MAX, type FirstBytes } from '../../src/diagnosis/first-bytes.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const CLIENT_HELLO = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03';
const PROXY_V2 = '\r\n\r\n\0\r\nQUIT\n';

function classify(text: string): FirstBytes {
  return classifyFirstBytes(Buffer.from(text, 'latin1'));
}

const DECIDED: readonly (readonly [string, FirstBytes])[] = [
  [PREFACE, 'http2'],
  [`${PREFACE}\0\0\0\x04\0\0\0\0\0`, 'http2'],
  [CLIENT_HELLO, 'tls'],
  ['GET / HTTP/1.1\r\n', 'http1'],
  ['POST ', 'http1'],
  ['OPTIONS * HTTP/1.1\r\n', 'http1'],
  ['P ', 'http1'],
  ['PRIX ', 'http1'],
  ['PROPFIND /a', 'http1'],
  ['M-SEARCH * HTTP/1.1', 'http1'],
  ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'proxy-v1'],
  [`${PROXY_V2}\x21\x11\0\x0c`, 'proxy-v2'],
  ['PRI * HTTP/1.1\r\n', 'unknown'],
  ['PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', 'unknown'],
  ['PRI /', 'unknown'],
  [' GET /', 'unknown'],
  ['\x16\x02\x00', 'unknown'],
  ['\x16\x03\x09', 'unknown'],
  ['\x80\x2e\x01', 'unknown'],
  ['\r\nGET /', 'http1'],
  ['\0\0\x12\x04\0\0\0\0\0', 'unknown'],
  ['SSH-2.0-OpenSSH_9\r\n', 'unknown'],
  ['AVERYLONGMETHODNAMEWITHOUT', 'unknown'],
];

test('what a client sends first tells its protocol', () => {
  for (const [text, kind] of DECIDED) assert.equal(classify(text), kind, JSON.stringify(text));
});

test('a beginning that may become several asks for more', () => {
  for (const text of [
    '',
    'P',
    'PR',
    'PRI',
    'PRI ',
    'PRO',
    'PROXY',
    'GE',
    '\x16',
    '\x16\x03',
    '\r',
    '\r\n\r\n',
  ]) {
    assert.equal(classify(text), 'need-more', JSON.stringify(text));
  }
  for (let length = 0; length < PREFACE.length; length += 1) {
    assert.equal(classify(PREFACE.slice(0, length)), 'need-more');
  }
});

test('a prefix never contradicts what the whole turns out to be', () => {
  for (const [text, kind] of DECIDED) {
    for (let length = 1; length < text.length; length += 1) {
      const early = classify(text.slice(0, length));
      assert.ok(
        early === 'need-more' || early === kind,
        `${JSON.stringify(text.slice(0, length))}: ${early}`,
      );
    }
  }
});

test('twenty-four bytes always suffice', () => {
  assert.equal(FIRST_BYTES_MAX, 24);
  const start = fc.constantFrom('', 'PRI * HTTP/2.0', 'PROXY', '\r\n\r\n', '\x16\x03', 'GETTING');
  fc.assert(
    fc.property(start, fc.uint8Array({ minLength: 24, maxLength: 40 }), (text, rest) => {
      const bytes = Buffer.concat([Buffer.from(text, 'latin1'), rest]);
      assert.notEqual(classifyFirstBytes(bytes), 'need-more');
      assert.notEqual(classifyFirstBytes(bytes.subarray(0, 24)), 'need-more');
    }),
  );
});

test('empty lines before a request of HTTP/1.1 are ignored', () => {
  assert.equal(classify('\r\nGET / HTTP/1.1'), 'http1');
  assert.equal(classify('\r\n\r\n\r\nGET / HTTP/1.1'), 'http1');
  assert.equal(classify('\r\n\r\nGE'), 'need-more');
  assert.equal(classify('\r\n\r\n\r'), 'need-more');
  assert.equal(classify('\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'unknown');
  assert.equal(classify('\r\n\0'), 'unknown');
  assert.equal(classify('\r\rGET / HTTP/1.1'), 'unknown');
  assert.equal(classify(`${'\r\n'.repeat(20)}GET / HTTP/1.1`), 'unknown');
  for (let length = 0; length < 40; length++) {
    const kind = classify(`${'\r\n'.repeat(9)}${'G'.repeat(30)}`.slice(0, length));
    assert.equal(kind === 'need-more', length < 24, `${length}`);
  }
});
