// Answers of peers, as bytes: what the doctor reads of them, however malformed they are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSettings, GreetingReader } from '../../src/doctor/greeting.ts';
import { HiddenValues } from '../../src/doctor/hidden-values.ts';
import { readServices } from '../../src/doctor/reflection.ts';
import { parseTarget } from '../../src/doctor/target.ts';
import { judgeServer } from '../../src/doctor/versions.ts';

function frame(type: number, flags: number, payload: readonly number[]): Buffer {
  return Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, 0, ...payload]);
}

test('SETTINGS, PING and GOAWAY are read, split at any byte', () => {
  const bytes = Buffer.concat([
    frame(4, 0, [0, 3, 0, 0, 0, 5, 0, 6, 0, 0, 64, 0]),
    frame(6, 1, [0, 0, 0, 0, 0, 0, 0, 0]),
    frame(7, 0, [0, 0, 0, 0, 0, 0, 0, 11, ...Buffer.from('too\u0007many')]),
  ]);
  const reader = new GreetingReader();
  for (const byte of bytes) reader.read(Buffer.from([byte]));
  const { kind, settings, pingMs, goAway } = reader.result;
  assert.equal(kind, 'http2-settings');
  assert.equal(describeSettings(settings), 'MAX_CONCURRENT_STREAMS 5, MAX_HEADER_LIST_SIZE 16384');
  assert.ok(pingMs !== undefined && reader.isDone);
  assert.equal(goAway, 'GOAWAY ENHANCE_YOUR_CALM: too\\u{7}many');
});

test('a setting without a name is told as an unknown one', () => {
  const settings = new Map([
    [65_027, 1],
    [65_400, 7],
  ]);
  assert.equal(describeSettings(settings), 'GRPC_ALLOW_TRUE_BINARY_METADATA 1, unknown setting 65400: 7');
});

test('an answer of HTTP/1.1 is known by its first line and its server, and an endless one is bounded', () => {
  const reader = new GreetingReader();
  reader.read(Buffer.from('HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\n\r\n'));
  assert.ok(reader.isDone);
  assert.equal(reader.result.firstLine, 'HTTP/1.1 400 Bad Request');
  assert.equal(reader.result.server, 'nginx/1.22.1');
  const endless = new GreetingReader();
  endless.read(Buffer.concat([frame(4, 0, []), Buffer.alloc(200_000)]));
  assert.ok(endless.isDone);
});

test('where an answer is cut, no beginning of a secret is shown that the peer knows', () => {
  const secret = 'Sup3rS3cretKey';
  const hidden = new HiddenValues([secret]);
  for (const kept of [13, 12, 6]) {
    const head = 'HTTP/1.1 400 Bad\r\nx: ';
    const tail = '\r\nserver: ';
    const padding = 'p'.repeat(2048 - head.length - tail.length - kept);
    const reader = new GreetingReader();
    reader.read(Buffer.from(`${head}${padding}${tail}${secret}\r\n\r\n`));
    assert.equal(hidden.hide(reader.result.server), '(hidden)…');
  }
});

test('services are read of an answer of reflection, and nothing of what is none', () => {
  const name = Buffer.from('voice.VoiceAssistant');
  const service = Buffer.from([0x0a, name.length, ...name]);
  const list = Buffer.from([0x0a, service.length, ...service]);
  const message = Buffer.from([0x0a, 0, 0x32, list.length, ...list]);
  const body = Buffer.from([0, 0, 0, 0, message.length, ...message]);
  assert.deepEqual(readServices(body), ['voice.VoiceAssistant']);
  for (const cut of [0, 4, 7]) assert.equal(readServices(body.subarray(0, cut)), undefined);
  assert.equal(readServices(Buffer.from([0, 0, 0, 0, 3, 0x32, 0x7f, 1])), undefined);
  assert.equal(readServices(Buffer.from([0, 255, 255, 255, 255, 0x33])), undefined);
});

function shown(text: string): unknown {
  const target = parseTarget(text);
  return typeof target === 'string' ? target : [target.address.text, target.isTls, target.authority];
}

test('a target is host:port, a name, a socket, or a URL that says whether TLS is meant', () => {
  assert.deepEqual(shown('a.example:8443'), ['a.example:8443', undefined, 'a.example:8443']);
  assert.deepEqual(shown('a.example'), ['a.example:443', undefined, 'a.example']);
  assert.deepEqual(shown('https://a.example/x.Y/Z'), ['a.example:443', true, 'a.example']);
  assert.deepEqual(shown('grpc://[::1]:50051'), ['[::1]:50051', false, '[::1]:50051']);
  assert.deepEqual(shown('unix:/run/x.sock'), ['unix:/run/x.sock', undefined, 'localhost']);
  assert.match(String(shown('ftp://a.example')), /there is no scheme "ftp"/);
  assert.match(String(shown('a b:1')), /neither a host name/);
});

test('a version of nginx that cannot relay gRPC is a warning, and others come with their defaults', () => {
  assert.equal(judgeServer('nginx/1.13.9', 'a:1').verdict, 'warning');
  assert.match(judgeServer('nginx/1.22.1', 'a:1').text, /listen … http2.*after 1000 calls/);
  assert.match(judgeServer('nginx/1.25.1', 'a:1').text, /http2 on/);
  assert.equal(judgeServer('envoy', 'a:1').verdict, 'note');
});
