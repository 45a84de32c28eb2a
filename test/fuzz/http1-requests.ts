// Requests over HTTP/1.1 from a grammar: those that RFC 9112 allows in every spelling, and those it forbids. Each carries
// its token in the target, a field and every piece of its body.

import type { Random } from './random.ts';
import { type Next, type RequestItem, token } from './web-session.ts';

export interface RequestPlan {
  readonly seed: number;
  readonly number: number;
  readonly random: Random;
}

/** Below this path the service with scripts is found; below the second too, with two connections at most. */
export const FUZZ_PATHS = ['/fz/', '/two/'] as const;

export function requestItem(
  number: number,
  method: string,
  head: readonly string[],
  rest: Partial<RequestItem> = {},
): RequestItem {
  return { kind: 'request', number, method, head, body: '', content: '', cuts: [], next: 'join', ...rest };
}

const LEGAL_METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH'];

export function targetOf(plan: RequestPlan): string {
  return `${plan.random.pick(FUZZ_PATHS)}${token(plan.seed, plan.number)}`;
}

/** A request that a proxy has to serve (RFC 9110, RFC 9112). */
export function legalRequest(plan: RequestPlan): RequestItem {
  const { seed, number, random } = plan;
  const method = random.pick(LEGAL_METHODS);
  const own = token(seed, number);
  let target = targetOf(plan);
  if (random.oneIn(8)) target += `?a=${own}&b=%22%20;c`;
  if (random.oneIn(12)) target = `http://web.test${target}`;
  const head = [
    `${number > 0 && random.oneIn(15) ? '\r\n' : ''}${method} ${target} HTTP/1.1\r\n`,
    hostLine(random),
  ];
  const fields = legalFields(own, random);
  let body = '';
  let content = '';
  const mayHaveBody = method === 'POST' || method === 'PUT' || method === 'PATCH' || random.oneIn(10);
  if (mayHaveBody && method !== 'HEAD') {
    content = random.oneIn(5) ? '' : contentOf(own, random);
    if (random.oneIn(2)) {
      fields.push(
        `${random.pick(['Content-Length', 'content-length', 'CONTENT-LENGTH'])}: ${content.length}\r\n`,
      );
      body = content;
    } else {
      fields.push(`Transfer-Encoding: ${random.pick(['chunked', 'chunked', 'Chunked', 'CHUNKED'])}\r\n`);
      body = chunked(content, own, random);
    }
    if (random.oneIn(10)) fields.push('Expect: 100-continue\r\n');
  } else if (method !== 'GET' && method !== 'HEAD' && random.oneIn(2)) fields.push('Content-Length: 0\r\n');
  if (random.oneIn(10)) fields.push(...ignoredUpgrade(random));
  shuffle(fields, random);
  head.push(...fields, '\r\n');
  return cutAnywhere(requestItem(number, method, head, { body, content, next: nextOf(random) }), random);
}

function hostLine(random: Random): string {
  return random.pick([
    'Host: web.test\r\n',
    'host: web.test:8080\r\n',
    'HOST:web.test\r\n',
    'Host:  [::1]:80 \r\n',
  ]);
}

function legalFields(own: string, random: Random): string[] {
  const fields = [`X-Token: ${own}\r\n`];
  const more = [
    'X-Empty:\r\n',
    `X-Spaces: \t a  ${own} \t\r\n`,
    `X-High: \x80\xff${own}\r\n`,
    `Cookie: a=${own}\r\n`,
    'Accept: */*\r\n',
    'Accept-Encoding: gzip, br\r\n',
    'Connection: keep-alive\r\n',
    'Connection: X-Hop\r\nX-Hop: gone\r\n',
    'TE: trailers\r\nConnection: TE\r\n',
    `X-Forwarded-For: 192.0.2.1\r\n`,
    `X-Long: ${own.repeat(100)}\r\n`,
    `If-None-Match: "${own}"\r\n`,
    'Range: bytes=0-1\r\n',
    'Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n',
    "!#$%&'*+.^_`|~: odd name\r\n",
  ];
  for (let count = random.below(5); count > 0; count--) fields.push(random.pick(more));
  return fields;
}

/** Which are to be served as if they asked for nothing (RFC 9110 section 7.8). */
function ignoredUpgrade(random: Random): readonly string[] {
  return random.pick([
    ['Connection: Upgrade\r\n', 'Upgrade: foo\r\n'],
    ['Connection: Upgrade, HTTP2-Settings\r\n', 'Upgrade: h2c\r\n', 'HTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
    ['Connection: upgrade\r\n', 'Upgrade: TLS/1.0, foo/2\r\n'],
  ]);
}

function contentOf(own: string, random: Random): string {
  return own.repeat(random.pick([1, 2, 7, 300, 3000]));
}

export function chunked(content: string, own: string, random: Random): string {
  const pieces: string[] = [];
  let at = 0;
  while (at < content.length) {
    const size = 1 + random.below(random.oneIn(3) ? 5 : content.length);
    const piece = content.slice(at, at + size);
    const extension = random.pick(['', '', '', ';a', ';a=b', ';a="q"']);
    const digits = piece.length.toString(16);
    pieces.push(`${random.oneIn(6) ? digits.toUpperCase() : digits}${extension}\r\n${piece}\r\n`);
    at += piece.length;
    if (pieces.length > 20) {
      const left = content.slice(at);
      if (left !== '') pieces.push(`${left.length.toString(16)}\r\n${left}\r\n`);
      break;
    }
  }
  const trailers = random.oneIn(4) ? `X-Trailer: ${own}\r\n` : '';
  return `${pieces.join('')}${random.oneIn(6) ? '000' : '0'}\r\n${trailers}\r\n`;
}

export function nextOf(random: Random): Next {
  return random.pick<Next>(['join', 'join', 'turns', 'answer']);
}

/** Segments end anywhere, at every byte in the extreme. */
export function cutAnywhere(item: RequestItem, random: Random): RequestItem {
  const length = item.head.join('').length + item.body.length;
  if (!random.oneIn(3)) return item;
  const cuts = Array.from({ length: 1 + random.below(4) }, () => 1 + random.below(length));
  return { ...item, cuts: [...new Set(cuts)].toSorted((a, b) => a - b) };
}

function shuffle(items: string[], random: Random): void {
  for (let index = items.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [items[index], items[other]] = [items[other], items[index]];
  }
}
