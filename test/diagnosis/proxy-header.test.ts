import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { PROXY_HEADER_MAX, parseProxyHeader } from '../../src/diagnosis/proxy-header.ts';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

function line(text: string): Buffer {
  return Buffer.from(`PROXY ${text}\r\n`, 'latin1');
}

function binary(command: number, family: number, block: readonly number[]): Buffer {
  const fixed = Buffer.from([command, family, block.length >> 8, block.length & 0xff]);
  return Buffer.concat([SIGNATURE, fixed, Buffer.from(block)]);
}

const IPV4 = [203, 0, 113, 7, 192, 0, 2, 1, 0x9c, 0x40, 0x01, 0xbb];
const SIX = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 9];
const PORTS = [0, 9, 1, 0xbb];
const TLV = [4, 0, 3, 1, 2, 3];

const VALID: readonly (readonly [Buffer, string | undefined, number?])[] = [
  [line('TCP4 203.0.113.7 192.0.2.1 40000 443'), '203.0.113.7', 40_000],
  [line('TCP4 255.255.255.255 255.255.255.255 65535 65535'), '255.255.255.255', 65_535],
  [line('TCP4 0.0.0.0 0.0.0.0 0 0'), '0.0.0.0', 0],
  [line('TCP6 2001:DB8:0:0::5 ::1 40000 443'), '2001:db8::5', 40_000],
  [line('TCP6 ::ffff:198.51.100.9 ::1 1 2'), '198.51.100.9', 1],
  [line('TCP6 0:0:0:0:0:ffff:c633:6409 ::1 1 2'), '198.51.100.9', 1],
  [
    line('TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535'),
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    65_535,
  ],
  [line('UNKNOWN'), undefined],
  [line('UNKNOWN \0\xff whatever 1 2 3'), undefined],
  [line(`UNKNOWN ${'f'.repeat(107 - 'PROXY UNKNOWN \r\n'.length)}`), undefined],
  [binary(0x21, 0x11, IPV4), '203.0.113.7', 40_000],
  [binary(0x21, 0x11, [...IPV4, ...TLV]), '203.0.113.7', 40_000],
  [binary(0x21, 0x21, [...SIX, ...SIX, ...PORTS]), '2001:db8::5', 9],
  [binary(0x21, 0x21, [...MAPPED, ...SIX, ...PORTS, ...TLV]), '198.51.100.9', 9],
  [binary(0x21, 0x31, Array.from<number>({ length: 216 }).fill(0x61)), undefined],
  [binary(0x21, 0x00, []), undefined],
  [binary(0x21, 0x00, TLV), undefined],
  [binary(0x21, 0x12, IPV4), undefined],
  [binary(0x20, 0x00, []), undefined],
  // The family of a LOCAL header is to be ignored, whatever it is.
  [binary(0x20, 0xff, IPV4), undefined],
  [binary(0x20, 0x11, []), undefined],
  [binary(0x21, 0x11, [...IPV4, ...Array.from<number>({ length: 4084 }).fill(0)]), '203.0.113.7', 40_000],
];

test('valid headers give the address of the client and their own length', () => {
  for (const [header, address, port] of VALID) {
    const source = address === undefined ? undefined : { address, port };
    const expected = { source, headerLength: header.length };
    assert.deepEqual(parseProxyHeader(header), expected, header.toString('latin1'));
    assert.deepEqual(parseProxyHeader(Buffer.concat([header, Buffer.from('PRI * HTTP')])), expected);
  }
});

test('a header that has not ended asks for more, wherever it is cut', () => {
  for (const [header] of VALID) {
    for (let length = 0; length < header.length; length += 1) {
      assert.equal(
        parseProxyHeader(header.subarray(0, length)),
        'need-more',
        `${length} of ${header.length}`,
      );
    }
  }
});

const MALFORMED: readonly Buffer[] = [
  ...[
    'TCP4 203.0.113.7 192.0.2.1 40000',
    'TCP4 203.0.113.7 192.0.2.1 40000 443 ',
    'TCP4  203.0.113.7 192.0.2.1 40000 443',
    'TCP4 203.0.113.7 192.0.2.1 40000 443 5',
    'TCP4 203.0.113.07 192.0.2.1 40000 443',
    'TCP4 203.0.113.256 192.0.2.1 40000 443',
    'TCP4 203.0.113 192.0.2.1 40000 443',
    'TCP4 203.0.113.7 x 40000 443',
    'TCP4 203.0.113.7 192.0.2.1 040000 443',
    'TCP4 203.0.113.7 192.0.2.1 65536 443',
    'TCP4 203.0.113.7 192.0.2.1 -1 443',
    'TCP4 203.0.113.7 192.0.2.1 0x1 443',
    'TCP4 203.0.113.7 192.0.2.1 1 44.3',
    'TCP4 203.0.113.7 192.0.2.1 1 ',
    'TCP4 2001:db8::5 ::1 40000 443',
    'TCP6 203.0.113.7 192.0.2.1 40000 443',
    'TCP6 fe80::1%eth0 ::1 40000 443',
    'TCP6 1:2:3:4:5:6:7 ::1 40000 443',
    'TCP6 1::2::3 ::1 40000 443',
    'UDP4 203.0.113.7 192.0.2.1 40000 443',
    'tcp4 203.0.113.7 192.0.2.1 40000 443',
    'TCP4 203.0.113.7\t192.0.2.1 40000 443',
    'TCP4 203.0.113.7 192.0.2.1 40000 443\nx',
    'TCP4 203.0.113.7 192.0.2.1 40000 443\rx',
    'unknown',
    '',
  ].map(line),
  Buffer.from(`PROXY UNKNOWN ${'f'.repeat(200)}`),
  Buffer.from('PROXYTCP4'),
  Buffer.from('GET / HTTP/1.1'),
  binary(0x11, 0x11, IPV4),
  binary(0x22, 0x11, IPV4),
  binary(0x31, 0x11, IPV4),
  binary(0x21, 0x41, IPV4),
  binary(0x21, 0x13, IPV4),
  binary(0x21, 0x11, IPV4.slice(0, 11)),
  binary(0x21, 0x21, SIX),
  binary(0x21, 0x31, [1]),
  binary(0x21, 0x11, Array.from<number>({ length: 4097 }).fill(0)),
];

test('what is no header of either version is malformed', () => {
  for (const bytes of MALFORMED) {
    assert.equal(parseProxyHeader(bytes), 'malformed', bytes.toString('latin1'));
  }
});

test('it never asks for more than its bound, and never throws', () => {
  const start = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP4 '),
    Buffer.from('PROXY TCP6 ::'),
    SIGNATURE,
    Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x11])]),
    Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x21, 0, 36])]),
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (head, tail) => {
      const bytes = Buffer.concat([head, tail]);
      const result = parseProxyHeader(bytes);
      if (typeof result !== 'string') assert.ok(result.headerLength <= bytes.length);
      const full = Buffer.concat([bytes, Buffer.alloc(PROXY_HEADER_MAX)]);
      assert.notEqual(parseProxyHeader(full), 'need-more');
    }),
  );
});
