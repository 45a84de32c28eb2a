import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnoseConnectFailure } from '../../src/diagnosis/connect-failure.ts';
import {
  classifyUpstreamFirstBytes,
  diagnoseUpstreamAnswer,
  type UpstreamFirstBytes,
} from '../../src/diagnosis/upstream-first-bytes.ts';

const SETTINGS = '\0\0\x06\x04\0\0\0\0\0';

test('what an endpoint answers first tells its protocol', () => {
  const cases: readonly (readonly [string, UpstreamFirstBytes])[] = [
    [SETTINGS, 'http2-settings'],
    [`${SETTINGS}\0\x03\0\0\0\x64`, 'http2-settings'],
    ['\0\0\0\x04\x01\0\0\0\0', 'unknown'],
    ['\0\0\0\x04\0\0\0\0\x01', 'unknown'],
    ['\0\0\x08\x06\0\0\0\0\0', 'unknown'],
    ['HTTP/1.1 400 Bad Request\r\n', 'http1'],
    ['HTTP/', 'http1'],
    ['<!DOCTYPE HTML>', 'http1'],
    ['HELLO', 'unknown'],
    ['\x15\x03\x01\0\x02\x02\x46', 'tls'],
    ['\x16\x03\x03', 'tls'],
    ['\x15\x01', 'unknown'],
    ['SSH-2.0', 'unknown'],
    ['', 'need-more'],
    ['\0', 'need-more'],
    ['HTTP', 'need-more'],
    ['\x15', 'need-more'],
    [SETTINGS.slice(0, 8), 'need-more'],
  ];
  for (const [text, kind] of cases) {
    assert.equal(classifyUpstreamFirstBytes(Buffer.from(text, 'latin1')), kind, JSON.stringify(text));
  }
});

test('the sentence names the endpoint, what it spoke, and what to set', () => {
  const http1 = diagnoseUpstreamAnswer('http1', '127.0.0.1:50051');
  assert.equal(http1.token, 'upstream_not_http2_http1');
  assert.match(http1.sentence, /^127\.0\.0\.1:50051 answered HTTP\/1\.1, not h2c .*protocol: http1/);
  const tls = diagnoseUpstreamAnswer('tls', 'a:1');
  assert.equal(tls.token, 'upstream_not_http2_tls');
  assert.match(tls.sentence, /^a:1 expects TLS: set protocol: h2 /);
  assert.equal(diagnoseUpstreamAnswer('unknown', 'a:1').token, 'upstream_not_http2_unknown');
});

test('an endpoint that should speak h2 over TLS is not asked for h2c', () => {
  const { sentence } = diagnoseUpstreamAnswer('http1', 'a:1', { isTls: true });
  assert.match(sentence, /^a:1 answered HTTP\/1\.1, not HTTP\/2: /);
});

function sentenceAfter(timeoutMs?: number): string {
  return diagnoseUpstreamAnswer('need-more', 'a:1', { timeoutMs }).sentence;
}

test('the sentence says how long was waited for SETTINGS', () => {
  assert.match(sentenceAfter(5000), /^a:1 accepted the connection but sent no SETTINGS in 5 s: /);
  assert.match(sentenceAfter(1500), /sent no SETTINGS in 1500 ms: /);
  assert.match(sentenceAfter(), /sent no SETTINGS in time: /);
  assert.equal(diagnoseUpstreamAnswer('need-more', 'a:1').token, 'upstream_no_settings');
  assert.match(
    diagnoseUpstreamAnswer('need-more', 'a:1', { timeoutMs: 5000, hasWorked: true }).sentence,
    /sent no SETTINGS in 5 s, though it has worked before: does the service hang, or is it overloaded\?$/,
  );
});

test('every failure to connect has its token', () => {
  const cases: readonly (readonly [string | undefined, string])[] = [
    ['ECONNREFUSED', 'upstream_connection_refused'],
    ['ECONNRESET', 'upstream_connection_reset'],
    ['ETIMEDOUT', 'upstream_connect_timeout'],
    ['connect_timeout', 'upstream_connect_timeout'],
    ['no_settings', 'upstream_no_settings'],
    ['ENOTFOUND', 'upstream_name_not_found'],
    ['EAI_AGAIN', 'upstream_name_lookup_failed'],
    ['EHOSTUNREACH', 'upstream_unreachable'],
    ['ENETUNREACH', 'upstream_unreachable'],
    ['ENOENT', 'upstream_socket_missing'],
    ['ENOTSOCK', 'upstream_not_a_socket'],
    ['EACCES', 'upstream_permission_denied'],
    ['EMFILE', 'upstream_too_many_open_files'],
    ['ESOMETHING', 'upstream_connect_failed'],
    [undefined, 'upstream_connect_failed'],
  ];
  for (const [code, token] of cases) {
    const diagnosis = diagnoseConnectFailure(code, '127.0.0.1:50051');
    assert.equal(diagnosis.token, token);
    assert.match(diagnosis.sentence, /127\.0\.0\.1:50051/);
  }
});

test('a refusal asks whether the service runs, on a unix socket too', () => {
  assert.equal(
    diagnoseConnectFailure('ECONNREFUSED', '127.0.0.1:50051').sentence,
    '127.0.0.1:50051 refused the connection: is the service running there?',
  );
  assert.match(
    diagnoseConnectFailure('ECONNREFUSED', 'unix:/run/a.sock').sentence,
    /^unix:\/run\/a\.sock exists but nobody/,
  );
});

test('the sentence says how long was waited for a connection', () => {
  const { sentence } = diagnoseConnectFailure('connect_timeout', 'a:1', { timeoutMs: 5000 });
  assert.match(sentence, /^a:1 did not answer the connection attempt in 5 s; /);
});

test('an endpoint that breaks off may expect the other of TLS and plaintext', () => {
  assert.match(diagnoseConnectFailure('ECONNRESET', 'a:1').sentence, /does it expect TLS \(protocol: h2\)/);
  assert.match(
    diagnoseConnectFailure('ECONNRESET', 'a:1', { isTls: true }).sentence,
    /does it speak TLS, or h2c/,
  );
});
