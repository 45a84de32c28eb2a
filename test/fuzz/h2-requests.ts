// Requests over HTTP/2 to HTTP/1.1 services, from a grammar: several streams at once, their frames mixed, some of them reset
// at every moment, some with fields that HTTP/1.1 cannot say.

import type { Fields } from '../support/raw-frames.ts';
import { FUZZ_PATHS } from './http1-requests.ts';
import type { Random } from './random.ts';
import { type Item, type Next, token } from './web-session.ts';

export interface StreamPlan {
  readonly seed: number;
  /** Of the request; its stream is the odd number that belongs to it. */
  readonly number: number;
  readonly random: Random;
}

export interface StreamItems {
  readonly items: readonly Item[];
  readonly method: string;
  /** What the service has to receive. */
  readonly content: string;
}

export function streamOf(number: number): number {
  return 2 * number + 1;
}

export function numberOf(stream: number): number {
  return (stream - 1) / 2;
}

const LEGAL_METHODS = ['GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE'];

function pseudo(plan: StreamPlan, method: string): (readonly [string, string])[] {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':path', `${plan.random.pick(FUZZ_PATHS)}${token(plan.seed, plan.number)}`],
    [':authority', 'web.test'],
  ];
}

const nextOf = (random: Random): Next => random.pick<Next>(['join', 'join', 'join', 'turns', 'answer']);

export function legalStream(plan: StreamPlan): StreamItems {
  const { seed, number, random } = plan;
  const own = token(seed, number);
  const stream = streamOf(number);
  const method = random.pick(LEGAL_METHODS);
  const fields = pseudo(plan, method);
  fields.push(['x-token', own]);
  const more: readonly (readonly [string, string])[] = [
    ['cookie', `a=${own}`],
    ['cookie', 'b=1'],
    ['te', 'trailers'],
    ['x-empty', ''],
    ['x-high', `\x80\xff${own}`],
    ['accept-encoding', 'gzip'],
    ['x-long', own.repeat(100)],
  ];
  for (let count = random.below(4); count > 0; count--) fields.push(random.pick(more));
  const hasBody = method === 'POST' || method === 'PUT' || random.oneIn(10);
  if (!hasBody || method === 'HEAD') {
    return {
      items: [{ kind: 'headers', stream, fields, isEnd: true, next: nextOf(random) }],
      method,
      content: '',
    };
  }
  const content = random.oneIn(4) ? '' : own.repeat(random.pick([1, 5, 200]));
  if (random.oneIn(2)) fields.push(['content-length', String(content.length)]);
  if (random.oneIn(8)) fields.push(['expect', '100-continue']);
  const items: Item[] = [{ kind: 'headers', stream, fields, isEnd: false, next: nextOf(random) }];
  const half = random.below(content.length + 1);
  if (random.oneIn(2))
    items.push({ kind: 'data', stream, text: content.slice(0, half), isEnd: false, next: nextOf(random) });
  const rest = items.length === 1 ? content : content.slice(half);
  const hasTrailers = random.oneIn(4);
  items.push({ kind: 'data', stream, text: rest, isEnd: !hasTrailers, next: nextOf(random) });
  if (hasTrailers)
    items.push({ kind: 'headers', stream, fields: [['x-trailer', own]], isEnd: true, next: nextOf(random) });
  return { items, method, content };
}

const AUTHORITIES = [
  'a"',
  'a?b',
  'a\\b',
  'a<b',
  'a b',
  '',
  'u@a',
  'a/b',
  'a:99999',
  '/unix',
  '\xff',
  'a#b',
  '[::1',
  'a,b',
  'a`',
  'a^',
  'a|b',
  '{a}',
];
const ODD_FIELDS: Fields = [
  ['content-length', '5'],
  ['content-length', '+5'],
  ['content-length', ''],
  ['content-length', '5, 5'],
  ['host', 'other.test'],
  ['host', ''],
  ['host', 'a"b'],
  ['expect', '100-continue'],
  ['expect', 'x'],
  ['connection', 'x'],
  ['transfer-encoding', 'chunked'],
  ['upgrade', 'websocket'],
  ['http2-settings', 'x'],
  ['keep-alive', 'x'],
  ['te', 'gzip'],
  ['trailer', 'x-token'],
  ['x y', 'z'],
  ['x', 'a\r\nb: c'],
  ['x', 'a\x00b'],
  ['x', ' a '],
  ['X-Upper', 'a'],
  ['content_length', '5'],
  ['transfer_encoding', 'chunked'],
  ['content-type', 'application/grpc'],
  ['content-type', 'application/grpc-web+proto'],
  ['grpc-timeout', '1n'],
  ['grpc-timeout', '5S'],
  ['x-big', 'y'.repeat(9000)],
  ['x-big', 'y'.repeat(20_000)],
];
const ODD_METHODS = ['get', 'CONNECT', 'G T', 'PRI', 'TRACE', 'A'.repeat(200), '"', 'QUERY', ''];
const ODD_PATHS = [
  '*',
  '',
  'a',
  '//a',
  '/a b',
  '/\xff',
  '/a#b',
  'http://a/',
  '/%00',
  '/..',
  '/\\',
  '/"',
  '/<',
  '/|',
  '/{',
  '/?',
  '/^`',
];

/** Anything, reset or broken off anywhere. */
export function oddStream(plan: StreamPlan): StreamItems {
  const { random, number } = plan;
  const stream = streamOf(number);
  const { method, items: legal, content } = legalStream(plan);
  const items = [...legal];
  const [first] = items;
  if (first.kind === 'headers' && random.oneIn(2)) {
    const fields = first.fields.map(([name, value]) => {
      if (name === ':authority' && random.oneIn(3)) return [name, random.pick(AUTHORITIES)] as const;
      if (name === ':method' && random.oneIn(8)) return [name, random.pick(ODD_METHODS)] as const;
      // The token stays, or the service could not say whose it is.
      if (name === ':path' && random.oneIn(6)) return [name, `${value}${random.pick(ODD_PATHS)}`] as const;
      return [name, value] as const;
    });
    for (let count = random.below(3); count > 0; count--) fields.push(random.pick(ODD_FIELDS));
    items[0] = { ...first, fields };
  }
  const rst: Item = { kind: 'rst', stream, code: random.pick([8, 0, 2, 7, 11]), next: nextOf(random) };
  switch (random.below(6)) {
    case 0:
      // In the segment of the request: what is said of the stream comes too late.
      items[0] = { ...items[0], next: 'join' };
      items.splice(1, items.length, rst);
      break;
    case 1:
      items.splice(1 + random.below(items.length), items.length, rst);
      break;
    case 2:
      items.push(rst);
      break;
    case 3:
      items.splice(1 + random.below(items.length), items.length);
      break;
    case 4:
      items.push({ kind: 'data', stream, text: 'late', isEnd: random.oneIn(2), next: 'join' });
      break;
    default:
  }
  return { items, method, content };
}

/** A WebSocket by extended CONNECT (RFC 8441 section 5). */
export function tunnelStream(plan: StreamPlan): StreamItems {
  const { seed, number, random } = plan;
  const own = token(seed, number);
  const stream = streamOf(number);
  const fields: (readonly [string, string])[] = [
    [':method', 'CONNECT'],
    [':protocol', random.oneIn(10) ? random.pick(['foo', '', 'WebSocket']) : 'websocket'],
    ...pseudo(plan, '').slice(1),
    ['sec-websocket-version', '13'],
    ['x-token', own],
  ];
  if (random.oneIn(6)) fields.push(random.pick(ODD_FIELDS));
  const items: Item[] = [{ kind: 'headers', stream, fields, isEnd: random.oneIn(12), next: nextOf(random) }];
  for (let count = random.below(4); count > 0; count--)
    items.push({
      kind: 'data',
      stream,
      text: own.repeat(1 + random.below(40)),
      isEnd: false,
      next: nextOf(random),
    });
  if (random.oneIn(4)) items.push({ kind: 'rst', stream, code: 8, next: 'join' });
  else items.push({ kind: 'data', stream, text: '', isEnd: true, next: 'join' });
  return { items, method: 'CONNECT', content: '' };
}

/** The frames of all streams in one order; those of one stream stay in theirs. */
export function mixed(streams: readonly (readonly Item[])[], random: Random): Item[] {
  const left = streams.map((items) => [...items]);
  const items: Item[] = [];
  let opened = 0;
  for (;;) {
    const open = left.slice(0, opened).filter((queue) => queue.length > 0);
    // Streams are opened in the order of their numbers.
    const isNext = opened < left.length && (open.length === 0 || random.oneIn(2));
    const item = isNext ? left[opened++].shift() : open.length > 0 ? random.pick(open).shift() : undefined;
    if (item !== undefined) items.push(item);
    else if (opened === left.length) return items;
  }
}
