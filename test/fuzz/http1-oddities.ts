// Requests over HTTP/1.1 that RFC 9112 forbids, or that different readers take for different things. Tables, and so longer
// than other files.

import {
  cutAnywhere,
  FUZZ_PATHS,
  nextOf,
  type RequestPlan,
  requestItem,
  targetOf,
} from './http1-requests.ts';
import type { Random } from './random.ts';
import { HIDDEN, type RequestItem, token } from './web-session.ts';

/** A request behind which another may hide, or that means different things to different readers. */
export function oddRequest(plan: RequestPlan): RequestItem {
  const { seed, number, random } = plan;
  const own = token(seed, number);
  const target = targetOf(plan);
  const hidden = `GET ${FUZZ_PATHS[0]}${token(seed, HIDDEN + number)} HTTP/1.1\r\nHost: web.test\r\n\r\n`;
  const oddity = random.pick(ODDITIES);
  const {
    method = random.pick(['GET', 'POST']),
    line,
    host = 'Host: web.test\r\n',
    fields = '',
    body = '',
  } = oddity({ own, target, hidden, random });
  const head = [line ?? `${method} ${target} HTTP/1.1\r\n`];
  if (host !== '') head.push(host);
  head.push(`X-Token: ${own}\r\n`);
  for (const field of fields.split(/(?<=\n)(?![ \t])/)) if (field !== '') head.push(field);
  head.push('\r\n');
  return cutAnywhere(requestItem(number, method, head, { body, next: nextOf(random) }), random);
}

interface Odd {
  readonly method?: string;
  readonly line?: string;
  readonly host?: string;
  readonly fields?: string;
  readonly body?: string;
}

interface OddPlan {
  readonly own: string;
  readonly target: string;
  readonly hidden: string;
  readonly random: Random;
}

const LENGTHS = [
  '+5',
  '-1',
  '5,5',
  '5, 6',
  '0x5',
  '5 5',
  '',
  '05',
  '99999999999999999999',
  '5;a',
  ' 5',
  '5\t',
  '1e1',
];
const CODINGS = [
  'xchunked',
  'chunked, chunked',
  'identity',
  'gzip, chunked',
  'chunked, identity',
  ' chunked',
  '\x0bchunked',
  'chunked;q=1',
  '"chunked"',
  'chunked,',
  ',chunked',
  '\r\n chunked',
  'x\r\n\tchunked',
  'cow',
  '',
];
const CHUNK_LINES = [
  'g',
  '-1',
  '+5',
  '0x5',
  ' 5',
  '5 ',
  '',
  'fffffffffffffffff',
  '5\n',
  '5;a\nb',
  '5;a=\x00',
  '5\r',
  `5;${'x'.repeat(9000)}`,
  '5\x00',
];
const TARGETS = [
  '*',
  '',
  'web.test:80',
  'http://',
  'http:///',
  'http://a@web.test/',
  '//web.test/',
  '/\x00',
  '/a b',
  '/#x',
  '/\xff',
  '/%',
  '/\t',
  'ftp://web.test/',
  '?',
  `/${'x'.repeat(20_000)}`,
  'HTTP://WEB.TEST/fz/',
  'http://web.test?x',
  'http://[::1/',
];
const HOSTS = [
  '',
  'Host: a\r\nHost: a\r\n',
  'Host: a\r\nhost: b\r\n',
  'Host:\r\n',
  'Host: a b\r\n',
  'Host: a,b\r\n',
  'Host: a/b\r\n',
  'Host: u@a\r\n',
  'Host: a:99999\r\n',
  'Host: a"\r\n',
  'Host: \xff\r\n',
  'Host : a\r\n',
  ' Host: a\r\n',
  'Host\r\n',
  'Host: a\n',
  'Host: a\rb\r\n',
  'Host: a\x00\r\n',
  'Host: a\r\n b\r\n',
];
const VERSIONS = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/3',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/11',
  '',
  'HTTP/1.',
];
const METHODS = [
  'CONNECT',
  'get',
  'PRI',
  'TRACE',
  'QUERY',
  'G\x00T',
  'GE T',
  'A'.repeat(300),
  'PROPFIND',
  '"',
  'SOURCE',
  '',
];
const EXPECTS = [
  'x',
  '100-continue',
  '100-Continue',
  '100-continue, x',
  '',
  '200-ok',
  '100-continue\r\nExpect: x',
];
const FIELDS = [
  'X\r\n',
  ': x\r\n',
  'X : y\r\n',
  'X: a\x00b\r\n',
  'X: a\rb\r\n',
  'X: a\n',
  'X: a\r\n folded\r\n',
  'X\xff: y\r\n',
  'X(: y\r\n',
  `X: ${'y'.repeat(17_000)}\r\n`,
  'X: y\r\n'.repeat(200),
  'Connection: x\r\n'.repeat(200),
  'Connection: close, Host, X-Token, Content-Length\r\n',
  'Connection: \x80,,,\r\n',
  'Upgrade: websocket\r\n',
  'HTTP2-Settings: x\r\n',
  'Trailer: X-Token\r\n',
  'Keep-Alive: timeout=0\r\n',
  'TE: trailers, chunked\r\n',
  'Content-Type: application/grpc\r\n',
  'Content-Type: application/grpc-web\r\n',
  'Content-Type: application/grpc-web-text+proto\r\nOrigin: https://a.test\r\n',
  'Origin: https://a.test\r\nAccess-Control-Request-Method: POST\r\n',
  'Framegate-Endpoint: x\r\nFramegate-Failure: no_route\r\n',
  'Content_Length: 5\r\nTransfer_Encoding: chunked\r\n',
];
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';

type Oddity = (plan: OddPlan) => Odd;

const ODDITIES: readonly Oddity[] = [
  ({ hidden, random }) => ({
    method: 'POST',
    fields: `Content-Length: ${random.pick(LENGTHS)}\r\n`,
    body: random.oneIn(2) ? hidden : 'hello',
  }),
  ({ hidden, random }) => ({
    method: 'POST',
    fields: `Content-Length: ${random.pick(['0', String(hidden.length)])}\r\nContent-Length: ${random.pick(['5', '6'])}\r\n`,
    body: hidden,
  }),
  ({ random }) => ({
    method: 'POST',
    fields: `Transfer-Encoding: ${random.pick(CODINGS)}\r\n`,
    body: '5\r\nhello\r\n0\r\n\r\n',
  }),
  ({ hidden, random }) => ({
    method: 'POST',
    fields: random.pick([
      `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`,
      `Transfer-Encoding: chunked\r\nContent-Length: 0\r\n`,
      `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n`,
      `Transfer-Encoding : chunked\r\n`,
      `Content-Length: 0\r\nTransfer-Encoding:\tchunked\r\n`,
    ]),
    body: `0\r\n\r\n${hidden}`,
  }),
  ({ random }) => ({
    method: 'POST',
    fields: 'Transfer-Encoding: chunked\r\n',
    body: `${random.pick(CHUNK_LINES)}\r\nhello\r\n0\r\n\r\n`,
  }),
  ({ random, own }) => ({
    method: 'POST',
    fields: 'Transfer-Encoding: chunked\r\n',
    body: random.pick([
      '5\r\nhelloX',
      '5\r\nhello0\r\n\r\n',
      '5\r\nhello\n0\n\n',
      '5\nhello\n0\n\n',
      `0\r\nContent-Length: 5\r\nHost: b\r\nX: ${own}\r\n\r\n`,
      `0\r\nX-Forwarded-For: 1.2.3.4\r\nHTTP2-Settings: x\r\nConnection: close\r\n\r\n`,
      '0\r\n: x\r\n\r\n',
      '0\r\nX\r\n\r\n',
      `0\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
      `0\r\n${'X: y\r\n'.repeat(300)}\r\n`,
      '',
      '5',
      '5\r\nhe',
      '0\r\n',
      '0\r\nX: y\r\n',
    ]),
  }),
  ({ random }) => ({ host: random.pick(HOSTS) }),
  ({ random }) => {
    const method = random.pick(['GET', 'POST', 'OPTIONS', 'CONNECT', 'HEAD']);
    return { method, line: `${method} ${random.pick(TARGETS)} HTTP/1.1\r\n` };
  },
  ({ random, target }) => ({ method: 'GET', line: `GET ${target} ${random.pick(VERSIONS)}\r\n` }),
  ({ random, target }) => {
    const method = random.pick(METHODS);
    return { method, line: `${method} ${target} HTTP/1.1\r\n` };
  },
  ({ random }) => ({ fields: `Expect: ${random.pick(EXPECTS)}\r\n` }),
  ({ random }) => ({
    method: 'POST',
    fields: `Expect: ${random.pick(EXPECTS)}\r\nContent-Length: 5\r\n`,
    body: random.pick(['hello', '', 'hel']),
  }),
  ({ random }) => ({ fields: random.pick(FIELDS) }),
  ({ random }) => ({ fields: random.pick(FIELDS) + random.pick(FIELDS) }),
  ({ random }) => ({ method: 'GET', fields: UPGRADE + (random.oneIn(2) ? KEY : '') }),
  ({ random }) => ({ method: 'GET', host: random.pick(HOSTS), fields: UPGRADE + KEY }),
  ({ random, hidden }) => ({
    method: random.pick(['GET', 'POST']),
    fields: `${UPGRADE}${KEY}Content-Length: ${hidden.length}\r\n`,
    body: hidden,
  }),
  ({ random }) => ({
    method: 'GET',
    fields: random.pick([
      `Connection: Upgrade\r\nUpgrade: WebSocket, h2c\r\n`,
      `Upgrade: websocket\r\n${KEY}`,
      `Connection: close, Upgrade\r\nUpgrade: websocket\r\n${KEY}`,
      `${UPGRADE}Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 12\r\n`,
      `${UPGRADE}${KEY}Expect: 100-continue\r\n`,
      `${UPGRADE}${KEY}Transfer-Encoding: chunked\r\n`,
    ]),
  }),
  ({ random }) => ({
    method: 'GET',
    line: random.pick([
      '\r\n\r\n',
      '\n\n',
      '\x00',
      '\x16\x03\x01',
      'PRI * HTTP/2.0\r\n',
      'GET /\r\n',
      ' GET / HTTP/1.1\r\n',
      'HTTP/1.1 200 OK\r\n',
    ]),
  }),
];
