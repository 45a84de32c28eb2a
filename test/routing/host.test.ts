import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOf, matchesHost } from '../../src/routing/host.ts';

test('the host of an authority has no port, no final dot and no capitals', () => {
  assert.equal(hostOf('grpc.example.com'), 'grpc.example.com');
  assert.equal(hostOf('GRPC.example.com:8443'), 'grpc.example.com');
  assert.equal(hostOf('grpc.example.com.:8443'), 'grpc.example.com');
  assert.equal(hostOf('127.0.0.1:80'), '127.0.0.1');
  assert.equal(hostOf('[2001:DB8::1]:8443'), '[2001:db8::1]');
  assert.equal(hostOf('[::1]'), '[::1]');
  assert.equal(hostOf(''), '');
});

test('malformed authorities are no host of anyone', () => {
  assert.equal(hostOf(':8443'), ':8443');
  assert.equal(hostOf('[::1'), '[::1');
});

test('a wildcard stands for one or more labels', () => {
  assert.ok(matchesHost('*.example.com', 'a.example.com'));
  assert.ok(matchesHost('*.example.com', 'a.b.example.com'));
  assert.ok(!matchesHost('*.example.com', 'example.com'));
  assert.ok(!matchesHost('*.example.com', '.example.com'));
  assert.ok(!matchesHost('*.example.com', 'badexample.com'));
  assert.ok(matchesHost('example.com', 'example.com'));
  assert.ok(!matchesHost('example.com', 'a.example.com'));
});
