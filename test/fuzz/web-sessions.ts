// Makes a session of the web fuzzer up from a number, and the ways to make one that fails shorter.

import { legalStream, mixed, oddStream, streamOf, tunnelStream } from './h2-requests.ts';
import { oddRequest } from './http1-oddities.ts';
import { cutAnywhere, FUZZ_PATHS, legalRequest, requestItem } from './http1-requests.ts';
import { ALPN_CHOICES, anyOpening, mutated } from './openings.ts';
import { Random } from './random.ts';
import { anyScript, legalScript, plainScript, tunnelScript } from './service-scripts.ts';
import {
  type FuzzListener,
  type Item,
  type Next,
  type RequestItem,
  type ServiceScript,
  token,
  type WebSession,
} from './web-session.ts';

const PROXY_HEADER = 'PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n';

export function webSession(seed: number): WebSession {
  const random = new Random(seed);
  const make = random.pick([
    legalHttp1,
    legalHttp1,
    oddHttp1,
    oddHttp1,
    oddHttp1,
    upgrade,
    upgrade,
    legalH2,
    oddH2,
    oddH2,
    tunnelsOverH2,
    opening,
  ]);
  return make(seed, random);
}

interface Way {
  readonly listener: FuzzListener;
  readonly alpn: readonly string[] | undefined;
  readonly before: readonly Item[];
}

function wayOf(random: Random, alpn: readonly (readonly string[])[]): Way {
  switch (random.below(4)) {
    case 0:
      return { listener: 'tls', alpn: random.pick(alpn), before: [] };
    case 1:
      return {
        listener: 'proxied',
        alpn: undefined,
        before: [{ kind: 'bytes', text: PROXY_HEADER, next: 'join' }],
      };
    default:
      return { listener: 'clear', alpn: undefined, before: [] };
  }
}

const HTTP1_ALPN = [[], ['http/1.1']];

function legalHttp1(seed: number, random: Random): WebSession {
  const { listener, alpn, before } = wayOf(random, HTTP1_ALPN);
  const items: Item[] = [...before];
  const scripts: Record<number, ServiceScript> = {};
  for (let number = 0; number <= random.below(5); number++) {
    const item = legalRequest({ seed, number, random });
    items.push(item);
    scripts[number] = legalScript({ seed, number, random, method: item.method });
  }
  return {
    seed,
    name: `seed ${seed}`,
    listener,
    alpn,
    speaks: 'http1',
    isLegal: true,
    items,
    scripts,
    reads: true,
  };
}

function oddHttp1(seed: number, random: Random): WebSession {
  const { listener, alpn, before } = wayOf(random, ALPN_CHOICES);
  const items: Item[] = [...before];
  const scripts: Record<number, ServiceScript> = {};
  const odds = random.pick([0, 1, 1, 2]);
  for (let number = 0; number <= random.below(5); number++) {
    const isOdd = random.below(3) < odds;
    const item = (isOdd ? oddRequest : legalRequest)({ seed, number, random });
    // A broken length would make another request of what hides in an odd one.
    items.push(!isOdd && random.oneIn(15) ? broken(item, random) : item);
    scripts[number] = anyScript({ seed, number, random, method: item.method });
  }
  leave(items, random);
  return {
    seed,
    name: `seed ${seed}`,
    listener,
    alpn,
    speaks: 'http1',
    isLegal: false,
    items,
    scripts,
    reads: !random.oneIn(15),
  };
}

/** A byte of it is another one, or missing. */
function broken(item: RequestItem, random: Random): RequestItem {
  const { head, ...rest } = item;
  const at = random.below(head.length);
  return {
    ...rest,
    head: head.map((line, index) => (index === at ? mutated(line, random) : line)),
    cuts: [],
  };
}

function leave(items: Item[], random: Random): void {
  if (items.length === 0 || !random.oneIn(3)) return;
  const at = random.oneIn(2) ? items.length - 1 : random.below(items.length);
  items[at] = { ...items[at], next: random.pick<Next>(['fin', 'reset']) };
}

function upgrade(seed: number, random: Random): WebSession {
  const { listener, alpn, before } = wayOf(random, HTTP1_ALPN);
  const items: Item[] = [...before];
  const scripts: Record<number, ServiceScript> = {};
  const isLegal = random.oneIn(2);
  const count = random.below(3);
  for (let number = 0; number < count; number++) {
    const plan = { seed, number, random };
    const item = isLegal || random.oneIn(2) ? legalRequest(plan) : oddRequest(plan);
    items.push({ ...item, next: isLegal ? 'answer' : item.next });
    scripts[number] = (isLegal ? legalScript : anyScript)({ ...plan, method: item.method });
  }
  const own = token(seed, count);
  const head = [
    `GET ${random.pick(FUZZ_PATHS)}${own} HTTP/1.1\r\n`,
    'Host: web.test\r\n',
    `Connection: ${random.pick(['Upgrade', 'upgrade', 'keep-alive, Upgrade'])}\r\n`,
    `Upgrade: ${random.pick(['websocket', 'WebSocket'])}\r\n`,
    'Sec-WebSocket-Version: 13\r\n',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    `X-Token: ${own}\r\n`,
    '\r\n',
  ];
  if (!isLegal && random.oneIn(2)) head.splice(1 + random.below(head.length - 2), 1);
  items.push(
    cutAnywhere(requestItem(count, 'GET', head, { next: random.pick<Next>(['join', 'answer']) }), random),
  );
  scripts[count] = tunnelScript({ seed, number: count, random, method: 'GET' });
  for (let piece = random.below(4); piece > 0; piece--)
    items.push({
      kind: 'bytes',
      text: own.repeat(1 + random.below(50)),
      next: random.pick<Next>(['join', 'turns', 'answer']),
    });
  if (!isLegal) leave(items, random);
  return {
    seed,
    name: `seed ${seed}`,
    listener,
    alpn,
    speaks: 'http1',
    isLegal,
    items,
    scripts,
    reads: true,
  };
}

const H2_ALPN = [['h2'], ['h2', 'http/1.1']];

function streams(seed: number, random: Random, isLegal: boolean): Pick<WebSession, 'items' | 'scripts'> {
  const scripts: Record<number, ServiceScript> = {};
  const all = Array.from({ length: 1 + random.below(5) }, (_, number) => {
    const plan = { seed, number, random };
    const stream = (isLegal || random.oneIn(3) ? legalStream : oddStream)(plan);
    scripts[number] = (isLegal ? legalScript : anyScript)({ ...plan, method: stream.method });
    return stream.items;
  });
  const items = mixed(all, random);
  return { items: isLegal ? withoutVainWaits(items) : items, scripts };
}

/**
 * A client that holds its own requests back while it waits for the answer to a later one may take all places of an upstream,
 * and then the answer never comes.
 */
function withoutVainWaits(items: readonly Item[]): readonly Item[] {
  const unfinished = new Set<number>();
  return items.map((item) => {
    if (item.kind !== 'headers' && item.kind !== 'data') return item;
    if (item.isEnd) unfinished.delete(item.stream);
    else unfinished.add(item.stream);
    return item.next === 'answer' && unfinished.size > 0 ? { ...item, next: 'join' } : item;
  });
}

function overH2(seed: number, random: Random, isLegal: boolean): WebSession {
  const { listener, alpn, before } = wayOf(random, H2_ALPN);
  const { items, scripts } = streams(seed, random, isLegal);
  const all: Item[] = [...before, ...items];
  if (!isLegal) leave(all, random);
  return {
    seed,
    name: `seed ${seed}`,
    listener,
    alpn,
    speaks: 'h2',
    isLegal,
    items: all,
    scripts,
    reads: true,
  };
}

const legalH2 = (seed: number, random: Random): WebSession => overH2(seed, random, true);
const oddH2 = (seed: number, random: Random): WebSession => overH2(seed, random, false);

function tunnelsOverH2(seed: number, random: Random): WebSession {
  const { listener, alpn, before } = wayOf(random, H2_ALPN);
  const scripts: Record<number, ServiceScript> = {};
  const all = Array.from({ length: 1 + random.below(3) }, (_, number) => {
    const plan = { seed, number, random };
    if (random.oneIn(3)) {
      const stream = oddStream(plan);
      scripts[number] = anyScript({ ...plan, method: stream.method });
      return stream.items;
    }
    scripts[number] = { ...tunnelScript({ ...plan, method: 'GET' }), outcome: 'any' };
    return tunnelStream(plan).items;
  });
  const items: Item[] = [...before, ...mixed(all, random)];
  leave(items, random);
  return {
    seed,
    name: `seed ${seed}`,
    listener,
    alpn,
    speaks: 'h2',
    isLegal: false,
    items,
    scripts,
    reads: true,
  };
}

function opening(seed: number, random: Random): WebSession {
  const { listener, items } = anyOpening(seed, random);
  const all: Item[] = [...items];
  leave(all, random);
  const scripts = { 0: plainScript(seed, 0) };
  return {
    seed,
    name: `seed ${seed}`,
    listener,
    alpn: undefined,
    speaks: 'bytes',
    isLegal: false,
    items: all,
    scripts,
    reads: true,
  };
}

/** Each a little shorter than the session, and no less legal; the boldest first. */
export function* shorter(session: WebSession): Generator<WebSession> {
  const { items, scripts, seed, isLegal } = session;
  for (const group of groupsOf(session)) {
    const left = items.filter((item) => !group.includes(item));
    if (left.length < items.length && left.length > 0) yield { ...session, items: left };
  }
  for (const [key, script] of Object.entries(scripts)) {
    const number = Number(key);
    const plain = plainScript(seed, number);
    if (JSON.stringify(script) !== JSON.stringify(plain) && script.status !== 101)
      yield { ...session, scripts: { ...scripts, [number]: plain } };
    if (isLegal) continue;
    for (let at = 0; at < script.steps.length; at++) {
      const steps = script.steps.toSpliced(at, 1);
      yield { ...session, scripts: { ...scripts, [number]: { ...script, steps, outcome: 'any' } } };
    }
  }
  for (const [index, item] of items.entries()) {
    for (const less of lesser(item, isLegal)) yield { ...session, items: items.with(index, less) };
  }
}

/** What may be left out at once: a legal stream is left out as a whole. */
function groupsOf({ items, isLegal }: WebSession): readonly (readonly Item[])[] {
  const streamIds = new Set(items.flatMap((item) => ('stream' in item ? [item.stream] : [])));
  const groups = [...streamIds].map((stream) =>
    items.filter((item) => 'stream' in item && item.stream === stream),
  );
  const single = items.filter(
    (item) => !isLegal || item.kind === 'request' || (item.kind === 'bytes' && item.text !== PROXY_HEADER),
  );
  return [...groups, ...single.map((item) => [item])];
}

const NEEDED = /^(?:host|content-length|transfer-encoding|connection|upgrade|sec-websocket-\w+):|^\r\n$/i;

function* lesser(item: Item, isLegal: boolean): Generator<Item> {
  if (item.next === 'answer' || (item.next === 'turns' && !isLegal)) yield { ...item, next: 'join' };
  if (item.kind === 'request') {
    if (item.cuts.length > 0) yield { ...item, cuts: [] };
    for (let at = 1; at < item.head.length; at++)
      if (!isLegal || !NEEDED.test(item.head[at]))
        yield { ...item, head: item.head.toSpliced(at, 1), cuts: [] };
    if (item.body !== '' && !isLegal) yield { ...item, body: '' };
  }
  if (item.kind === 'headers' && item.stream !== streamOf(-1)) {
    for (let at = 4; at < item.fields.length; at++)
      if (!isLegal || item.fields[at][0] !== 'content-length')
        yield { ...item, fields: item.fields.toSpliced(at, 1) };
  }
  if (item.kind === 'bytes' && item.text.length > 1 && !isLegal) {
    yield { ...item, text: item.text.slice(0, item.text.length >> 1) };
    yield { ...item, text: item.text.slice(item.text.length >> 1) };
  }
}
