// Which authorities are passed on, and what becomes of those that clients write in a way of their own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSameAuthority, normalAuthority } from '../../src/routing/authority.ts';

test('a host with or without a port stays as it is', () => {
  for (const text of [
    'example.test',
    'Example.test:8443',
    'under_score.test',
    'localhost',
    '192.0.2.1:50051',
    '[2001:db8::1]:443',
    '[::ffff:192.0.2.1]',
    "a!$&'()~-.b",
  ])
    assert.equal(normalAuthority(text), text);
});

test('what some service refuses is no authority', () => {
  const refused = [
    '',
    ':50051',
    'user@example.test',
    'example.test/x',
    '/run/app.sock',
    'run%2Fapp.sock',
    'a b',
    'a\tb',
    'a"b',
    'a?b',
    'a#b',
    'a\\b',
    'a<b',
    'a>b',
    'a^b',
    'a`b',
    'a{b}',
    'a|b',
    'a*b',
    'a+b',
    'a;b',
    'a=b',
    'a,b/c',
    'caf\u00e9.test',
    'a:b',
    'a:123456',
    'a:1:2',
    '::1',
    '[::1',
    '[]',
    'a[b]',
  ];
  for (const text of refused) assert.equal(normalAuthority(text), undefined, text);
});

test('forms of gRPC clients and old URIs become the one that all take', () => {
  assert.equal(normalAuthority('example.test:'), 'example.test');
  assert.equal(normalAuthority('[fe80::1%25eth0]:50051'), '[fe80::1]:50051');
  // grpcio with the target ipv4:192.0.2.1:50051,192.0.2.2:50051
  assert.equal(normalAuthority('192.0.2.1:50051,192.0.2.2:50051'), '192.0.2.1:50051');
});

test('clients of Unix sockets name the socket, or nothing, and are given localhost', () => {
  // grpc-java says the path, grpcio the path percent-encoded.
  for (const text of ['', '/run/app.sock', 'run%2Fapp.sock', '%2Frun%2Fapp.sock'])
    assert.equal(normalAuthority(text, true), 'localhost', text);
  assert.equal(normalAuthority('example.test', true), 'example.test');
  assert.equal(normalAuthority('a"b', true), undefined);
});

test('two authorities are the same whatever their case, and with the port that the scheme has', () => {
  assert.ok(isSameAuthority('A.test', 'a.TEST', 'https'));
  assert.ok(isSameAuthority('a.test:443', 'a.test', 'https'));
  assert.ok(isSameAuthority('[::1]', '[::1]:80', 'http'));
  assert.ok(!isSameAuthority('a.test:443', 'a.test', 'http'));
  assert.ok(!isSameAuthority('a.test', 'b.test', 'https'));
  assert.ok(!isSameAuthority('a.test:1', 'a.test:2', 'https'));
});
