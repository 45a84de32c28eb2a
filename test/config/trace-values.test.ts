// Where spans are sent, as it is written and as the exporters need it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../../src/config/problem.ts';
import { parseShare, parseTraceExporter, parseTraceHeaderValue } from '../../src/config/trace-values.ts';

test('a URL of each protocol', () => {
  for (const [text, protocol, url] of [
    ['http://127.0.0.1:4318', 'http', 'http://127.0.0.1:4318/v1/traces'],
    ['HTTP://LocalHost/', 'http', 'http://localhost/v1/traces'],
    ['https://a.test/otlp/', 'http', 'https://a.test/otlp/v1/traces'],
    ['https://a.test/v1/traces', 'http', 'https://a.test/v1/traces'],
    ['http://[::1]:4318', 'http', 'http://[::1]:4318/v1/traces'],
    ['grpc://127.0.0.1:4317', 'grpc', 'http://127.0.0.1:4317'],
    ['grpcs://a.test:443', 'grpc', 'https://a.test:443'],
  ] as const)
    assert.deepEqual(parseTraceExporter(text), { protocol, url }, text);
});

test('what is no URL of a collector is told why, and never shown', () => {
  for (const [text, why] of [
    ['127.0.0.1:4318', /not the URL/],
    ['localhost:4318', /not the URL/],
    ['ftp://a.test', /not the URL/],
    ['http://', /not the URL/],
    ['http://user:secret@a.test', /holds a user or a password/],
    ['https://a.test/?key=secret', /holds a query/],
    ['http://a.test/#secret', /holds a query or a fragment/],
    ['grpc://a.test', /names no port/],
    ['grpc://a.test:4317/path', /holds a path/],
  ] as const) {
    const found = parseTraceExporter(text);
    assert.ok(isFault(found), text);
    assert.match(found.message, why);
    assert.ok(!`${found.message}${found.hint}`.includes('secret'), text);
  }
});

test('a share has decimals', () => {
  assert.deepEqual(['0%', '0.01%', '12.5%', '100%'].map(parseShare), [0, 0.0001, 0.125, 1]);
  for (const text of ['1', '100.1%', '-1%', '.5%', '1.23456%', '1 %', ''])
    assert.ok(isFault(parseShare(text)), text);
});

test('the value of a header is one that HTTP and gRPC both take', () => {
  assert.equal(parseTraceHeaderValue('Bearer a b'), 'Bearer a b');
  for (const text of ['', ' a', 'a ', 'a\nb', 'é'])
    assert.ok(isFault(parseTraceHeaderValue(text)), JSON.stringify(text));
});
