import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  CLIENT_HELLO_MAX,
  type ClientHelloResult,
  describeClientHello,
  parseClientHello,
} from '../../src/diagnosis/client-hello.ts';
import { recordClientHello } from '../listeners/client-hello-recording.ts';

function number(value: number, sizeBytes: number): Buffer {
  const buffer = Buffer.alloc(sizeBytes);
  buffer.writeUIntBE(value, 0, sizeBytes);
  return buffer;
}

function vector(lengthBytes: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
  return Buffer.concat([number(body.length, lengthBytes), body]);
}

function extension(type: number, body: Buffer): Buffer {
  return Buffer.concat([number(type, 2), vector(2, body)]);
}

function sni(name: string, type = 0): Buffer {
  return extension(0, vector(2, Buffer.from([type]), vector(2, name)));
}

function alpn(...names: readonly string[]): Buffer {
  return extension(16, vector(2, ...names.map((name) => vector(1, name))));
}

/** The message, without record headers. */
function message(...extensions: readonly Buffer[]): Buffer {
  const fixed = [number(0x0303, 2), Buffer.alloc(32, 7)];
  const body = [...fixed, vector(1, Buffer.alloc(32)), vector(2, '\x13\x01'), vector(1, '\0')];
  return Buffer.concat([
    Buffer.from([1]),
    vector(3, ...body, ...(extensions.length === 0 ? [] : [vector(2, ...extensions)])),
  ]);
}

function records(bytes: Buffer, size = bytes.length): Buffer {
  const all: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; offset += size) {
    all.push(Buffer.from([0x16, 3, 1]), vector(2, bytes.subarray(offset, offset + size)));
  }
  return Buffer.concat(all);
}

function parse(...extensions: readonly Buffer[]): ClientHelloResult {
  return parseClientHello(records(message(...extensions)));
}

test('the ClientHello of a real client', async () => {
  const hello = await recordClientHello({
    servername: 'grpc.example.com',
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  const parsed = parseClientHello(hello);
  assert.ok(typeof parsed !== 'string');
  assert.equal(describeClientHello(parsed), 'SNI grpc.example.com, ALPN h2, http/1.1');
  for (let length = 0; length < hello.length; length += 1) {
    assert.equal(parseClientHello(hello.subarray(0, length)), 'need-more');
  }
});

test('name and protocols are found among other extensions, and may be missing', () => {
  const other = extension(43, Buffer.from([2, 3, 4]));
  assert.deepEqual(parse(other, sni('a.test'), other, alpn('h2')), { serverName: 'a.test', alpn: ['h2'] });
  assert.deepEqual(parse(alpn('grpc-exp', 'h2')), { serverName: '', alpn: ['grpc-exp', 'h2'] });
  assert.deepEqual(parse(sni('a.test')), { serverName: 'a.test', alpn: [] });
  assert.deepEqual(parse(sni('a.test', 1)), { serverName: '', alpn: [] });
  assert.deepEqual(parse(), { serverName: '', alpn: [] });
  assert.equal(describeClientHello({ serverName: '', alpn: [] }), 'no SNI, no ALPN');
});

test('a message in many records is put together, whatever follows it', () => {
  const bytes = message(sni('a.test'), alpn('h2'));
  for (const size of [1, 2, 3, 5, 64]) {
    const inRecords = records(bytes, size);
    assert.deepEqual(parseClientHello(inRecords), { serverName: 'a.test', alpn: ['h2'] });
    assert.deepEqual(parseClientHello(Buffer.concat([inRecords, Buffer.from('\x17\x03\x03garbage')])), {
      serverName: 'a.test',
      alpn: ['h2'],
    });
    for (let length = 0; length < inRecords.length; length += 1) {
      assert.equal(parseClientHello(inRecords.subarray(0, length)), 'need-more');
    }
  }
});

test('names cannot forge a log line, and are bounded', () => {
  const parsed = parse(sni('a\r\n"x\\ é\u007f'), alpn('a,b', '\x0a\x0a', 'h 2'));
  assert.deepEqual(parsed, {
    serverName: 'a\\x0d\\x0a\\x22x\\x5c\\x20\\xe9\\x7f',
    alpn: ['a\\x2cb', '\\x0a\\x0a', 'h\\x202'],
  });
  const long = parse(sni('a'.repeat(2000)), alpn(...Array.from({ length: 20 }, () => 'b'.repeat(200))));
  assert.ok(typeof long !== 'string');
  assert.equal(long.serverName, 'a'.repeat(255));
  assert.deepEqual(
    long.alpn,
    Array.from({ length: 8 }, () => 'b'.repeat(32)),
  );
  const escaped = parse(sni('\0'.repeat(255)), alpn('\0'.repeat(32)));
  assert.ok(typeof escaped !== 'string');
  assert.equal(escaped.serverName.length, 255);
  assert.equal(escaped.alpn[0].length, 32);
});

test('what does not fit together is malformed', () => {
  const valid = message(sni('a.test'), alpn('h2'));
  const cut = Buffer.concat([Buffer.from([1]), number(20, 3), Buffer.alloc(20)]);
  const cases = {
    'another record': Buffer.from([0x17, 3, 1, 0, 1, 1]),
    'another version': Buffer.from([0x16, 2]),
    'another message': records(Buffer.concat([Buffer.from([2]), valid.subarray(1)])),
    'an empty record': Buffer.from([0x16, 3, 1, 0, 0]),
    'a record that is too long': Buffer.from([0x16, 3, 1, 0x40, 1]),
    'a message that is too long': records(Buffer.from([1, 0, 0x40, 0])),
    'a message that ends in its random': records(cut),
    'an alert in between': Buffer.concat([records(valid.subarray(0, 9)), Buffer.from([0x15])]),
    'an extension longer than the rest': records(message(Buffer.from([0, 0, 0xff, 0xff]))),
    'a name longer than its extension': records(message(extension(0, Buffer.from([0, 9, 0, 0, 200])))),
    'a protocol longer than its list': records(message(extension(16, Buffer.from([0, 2, 9, 1])))),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    assert.equal(parseClientHello(bytes), 'malformed', name);
  }
});

test('it never asks for more than its bound, and never throws', () => {
  const valid = records(message(sni('a.test'), alpn('h2')));
  const changes = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 });
  const size = fc.integer({ min: 1, max: 300 });
  fc.assert(
    fc.property(changes, size, fc.uint8Array({ maxLength: 100 }), (places, recordSize, noise) => {
      const changed = Buffer.from(valid);
      for (const [index, value] of places) changed[index] = value;
      for (const bytes of [changed, records(changed, recordSize), Buffer.concat([changed, noise])]) {
        const parsed = parseClientHello(bytes);
        if (typeof parsed !== 'string') assert.match(describeClientHello(parsed), /^[ -~]*$/);
        const full = Buffer.concat([bytes, Buffer.alloc(CLIENT_HELLO_MAX, 0x16)]);
        assert.notEqual(parseClientHello(full), 'need-more');
      }
    }),
  );
  const endless = records(Buffer.concat([Buffer.from([1, 0, 0x3f, 0xfc]), Buffer.alloc(17_000)]), 1);
  assert.equal(parseClientHello(endless), 'malformed');
});
