import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseAddress, parseListenAddress, parseNetwork } from '../../src/config/address.ts';
import { isFault } from '../../src/config/problem.ts';

function tcp(text: string, host: string, port: number): void {
  assert.deepEqual(parseAddress(text, 'connect'), { kind: 'tcp', host, port, text });
}

test('host and port, bracketed IPv6, and Unix sockets are addresses', () => {
  tcp('127.0.0.1:50051', '127.0.0.1', 50_051);
  tcp('localhost:1', 'localhost', 1);
  tcp('my_service.name-space.svc:65535', 'my_service.name-space.svc', 65_535);
  tcp('[::1]:8080', '::1', 8_080);
  tcp('[fe80::1%eth0]:8080', 'fe80::1%eth0', 8_080);
  assert.deepEqual(parseAddress('unix:/run/a.sock', 'listen'), {
    kind: 'unix',
    path: '/run/a.sock',
    text: 'unix:/run/a.sock',
  });
});

test('port 0 is for listeners only', () => {
  assert.ok(!isFault(parseAddress('127.0.0.1:0', 'listen')));
  assert.ok(isFault(parseAddress('127.0.0.1:0', 'connect')));
});

test('what is not an address is refused', () => {
  const texts = ['', ':', ':80', 'host', 'host:', 'host:http', 'host:99999', 'host:123456', '::1', '[::1]', '[host]:80',
    '1.2.3:80', '1.2.3.4.5:80', '-a:80', 'a-:80', 'a..b:80', 'a b:80', 'http://a:80', 'unix:', 'unix:/', 'unix:a',
    'unix:/a\0b', `unix:/${'a'.repeat(107)}`, `${'a'.repeat(254)}:80`, 'systemd:name', 'host:80\n']; // biome-ignore format: a list
  for (const text of texts) assert.ok(isFault(parseAddress(text, 'listen')), JSON.stringify(text));
});

test('a listener may name a socket of systemd, and nothing else may', () => {
  const text = 'systemd:framegate.socket';
  assert.deepEqual(parseListenAddress(text), { kind: 'systemd', socketName: 'framegate.socket', text });
  for (const purpose of ['listen', 'connect'] as const) assert.ok(isFault(parseAddress(text, purpose)));
  for (const name of ['', 'a:b', 'a\nb', 'ä', 'a'.repeat(256)]) {
    assert.ok(isFault(parseListenAddress(`systemd:${name}`)), JSON.stringify(name));
  }
});

test('IPv6 without brackets is told how to write them', () => {
  assert.deepEqual(parseAddress('::1:8080', 'listen'), {
    message: "'::1:8080' lacks the brackets of an IPv6 address",
    hint: 'write [::1]:8080',
  });
});

test('networks are completed by the length of their prefix', () => {
  assert.equal(parseNetwork('10.0.0.0/8'), '10.0.0.0/8');
  assert.equal(parseNetwork('0.0.0.0/0'), '0.0.0.0/0');
  assert.equal(parseNetwork('192.0.2.1'), '192.0.2.1/32');
  assert.equal(parseNetwork('::1'), '::1/128');
  assert.equal(parseNetwork('unix:'), 'unix:');
});

test('what is not a network is refused', () => {
  for (const text of [
    '',
    '/8',
    '10/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '::/129',
    'a/8',
    '10.0.0.0/8/8',
    'fe80::1%a/64',
  ]) {
    assert.ok(isFault(parseNetwork(text)), text);
  }
});

test('no text makes the parsers throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
      parseAddress(text, 'listen');
      parseNetwork(text);
    }),
  );
});
