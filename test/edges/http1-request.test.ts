import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ReadRequest, readHttp1Request } from '../../src/edges/http1-request.ts';

const LIMITS = {
  concurrentStreams: 100,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  headerListBytes: 1000,
  headerFields: 10,
};

function read(
  url: string,
  rawHeaders: readonly string[],
  part: { method?: string; httpVersion?: string } = {},
) {
  return readHttp1Request({ method: 'GET', url, httpVersion: '1.1', rawHeaders, ...part }, LIMITS, '');
}

function fieldsOf(request: ReadRequest): readonly string[] {
  assert.ok(request.isValid);
  return request.list.names.map((name, index) => `${name}: ${request.list.values[index]}`);
}

test('a request becomes the list that HTTP/2 would have for it', () => {
  const request = read('/a?b', ['Host', 'x:1', 'X-A', '1', 'x-a', '2', 'Content-Length', '3']);
  assert.deepEqual(fieldsOf(request), [
    ':method: GET',
    ':scheme: http',
    ':path: /a?b',
    ':authority: x:1',
    'x-a: 1',
    'x-a: 2',
    'content-length: 3',
  ]);
});

test('fields of the connection and those it names are left out, but not those that decide where a request ends or goes', () => {
  const named = 'X-Gone, Content-Length, host, cookie';
  const raw = [
    'Host',
    'x',
    'Connection',
    named,
    'X-Gone',
    '1',
    'Content-Length',
    '0',
    'Keep-Alive',
    '5',
    'Cookie',
    'a',
  ];
  assert.deepEqual(fieldsOf(read('/', raw)).slice(4), ['content-length: 0', 'cookie: a']);
});

test('of te only trailers is left', () => {
  assert.deepEqual(fieldsOf(read('/', ['Host', 'x', 'TE', 'deflate, Trailers'])).slice(4), ['te: trailers']);
  assert.deepEqual(fieldsOf(read('/', ['Host', 'x', 'TE', 'deflate'])).slice(4), []);
});

function framingOf(...raw: string[]): string {
  const request = read('/', ['Host', 'x', ...raw], { method: 'POST' });
  return request.isValid ? request.framing : `${request.httpStatus}`;
}

test('the framing of the body', () => {
  assert.equal(framingOf(), 'none');
  assert.equal(framingOf('Content-Length', '0'), 'none');
  assert.equal(framingOf('Content-Length', '10'), 'length');
  assert.equal(framingOf('Transfer-Encoding', 'Chunked'), 'chunked');
  assert.equal(framingOf('Transfer-Encoding', 'gzip, chunked'), '501');
  assert.equal(framingOf('Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'identity'), '501');
  assert.equal(framingOf('Transfer-Encoding', ' '), '501');
  assert.equal(framingOf('Transfer-Encoding', 'chunked', 'Content-Length', '1'), '400');
});

function pathOf(url: string, method = 'GET'): string {
  const request = read(url, ['Host', 'x'], { method });
  return request.isValid ? `${request.list.get(':authority')} ${request.list.get(':path')}` : '400';
}

test('targets', () => {
  assert.equal(pathOf('/'), 'x /');
  assert.equal(pathOf('//a/b'), 'x //a/b');
  assert.equal(pathOf('http://y:8'), 'y:8 /');
  assert.equal(pathOf('HTTPS://y/a?b'), 'y /a?b');
  assert.equal(pathOf('http://y?b'), 'y /?b');
  assert.equal(pathOf('*', 'OPTIONS'), 'x *');
  for (const url of [
    '',
    '*',
    'a',
    'ftp://y/',
    'http://',
    'http:///a',
    'http://u@y/',
    '/a#b',
    '/a b',
    '/a\x7f',
  ]) {
    assert.equal(pathOf(url), '400', url);
  }
});

test('hosts', () => {
  const isValid = (...hosts: string[]): boolean =>
    read(
      '/',
      hosts.flatMap((host) => ['Host', host]),
    ).isValid;
  for (const host of ['a', 'a.b-c_d:80', '127.0.0.1:1', '[::1]:443', 'a:']) assert.ok(isValid(host), host);
  for (const host of [
    'a b',
    'a/b',
    'u@a',
    'a, b',
    '[::1',
    'a:b',
    'a:123456',
    '::1',
    'a\\b',
    'a?b',
    'a%2Fb',
    'a"b',
    '',
  ]) {
    assert.ok(!isValid(host), host);
  }
  assert.ok(!isValid('a', 'a'));
  assert.ok(!isValid());
  assert.ok(!read('http://y/', ['Host', 'a b']).isValid);
  assert.ok(read('/', [], { httpVersion: '1.0' }).isValid);
});

test('other versions than 1.0 and 1.1 are not HTTP/1.1', () => {
  const request = read('/', ['Host', 'x'], { httpVersion: '2.0' });
  assert.ok(!request.isValid);
  assert.equal(request.httpStatus, 505);
});

test('the field that breaks a limit is named', () => {
  const many = read('/', [
    'Host',
    'x',
    ...Array.from({ length: 8 }, (_, index) => [`X-${index}`, '1']).flat(),
  ]);
  assert.ok(many.isValid);
  assert.equal(many.list.overflowedAt, 'x-6');
  const large = read('/', ['Host', 'x', 'X-Large', 'x'.repeat(1000)]);
  assert.ok(large.isValid);
  assert.equal(large.list.overflowedAt, 'x-large');
});

test('fields that are not passed on count as well', () => {
  const options = Array.from({ length: 10 }, (_, index) => ['Connection', `x-${index}`]).flat();
  const many = read('/', ['Host', 'x', ...options]);
  assert.ok(many.isValid);
  assert.equal(many.list.overflowedAt, 'connection');
  const few = read('/', ['Host', 'x', ...options.slice(8)]);
  assert.ok(few.isValid);
  assert.equal(few.list.overflowedAt, undefined);
});

function whyInvalid(url: string, raw: readonly string[], httpVersion = '1.1'): string {
  const request = read(url, raw, { httpVersion });
  return request.isValid ? (request.list.get(':authority') ?? '') : `${request.httpStatus}: ${request.why}`;
}

test('HTTP/1.1 needs one Host that names one, and HTTP/1.0 none', () => {
  assert.match(whyInvalid('/', []), /^400: it has no Host field/);
  assert.match(whyInvalid('http://y/', []), /^400: it has no Host field/);
  assert.match(whyInvalid('/', ['Host', '']), /^400: its Host is empty/);
  assert.match(whyInvalid('/', ['Host', 'a', 'Host', 'a']), /^400: it has more than one Host/);
  assert.equal(whyInvalid('http://y/', ['Host', '']), 'y');
  assert.equal(whyInvalid('http://y/', ['Host', 'x']), 'y');
  assert.equal(whyInvalid('/', [], '1.0'), '');
  assert.equal(whyInvalid('/', ['Host', ''], '1.0'), '');
  assert.match(whyInvalid('/', ['Host', 'a', 'Host', 'b'], '1.0'), /^400: it has more than one Host/);
});

test('OPTIONS of an absolute target without a path is for the whole server', () => {
  assert.equal(pathOf('http://y', 'OPTIONS'), 'y *');
  assert.equal(pathOf('http://y/', 'OPTIONS'), 'y /');
  assert.equal(pathOf('http://y?b', 'OPTIONS'), 'y /?b');
});

function expectationOf(raw: readonly string[], httpVersion = '1.1'): readonly unknown[] {
  const request = read('/', ['Host', 'x', ...raw], { method: 'POST', httpVersion });
  return request.isValid ? [request.expectsContinue, request.list.get('expect')] : [request.httpStatus];
}

test('an expectation is kept where it means something, and others than 100-continue are refused', () => {
  const LENGTH = ['Content-Length', '1'];
  assert.deepEqual(expectationOf(['Expect', '100-Continue', ...LENGTH]), [true, '100-continue']);
  assert.deepEqual(expectationOf(['Expect', '100-continue', 'Expect', ' 100-continue,', ...LENGTH]), [
    true,
    '100-continue',
  ]);
  assert.deepEqual(expectationOf(LENGTH), [false, undefined]);
  assert.deepEqual(expectationOf(['Expect', '100-continue']), [false, undefined]);
  assert.deepEqual(expectationOf(['Expect', '100-continue', ...LENGTH], '1.0'), [false, undefined]);
  assert.deepEqual(expectationOf(['Expect', 'tea']), [417]);
  assert.deepEqual(expectationOf(['Expect', '100-continue', 'Expect', 'tea', ...LENGTH]), [417]);
  assert.deepEqual(expectationOf(['Expect', 'tea'], '1.0'), [false, undefined]);
});
