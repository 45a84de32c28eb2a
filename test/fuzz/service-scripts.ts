// How an HTTP/1.1 service answers, from a grammar: well in every spelling that RFC 9112 allows, broken off at every place,
// and by what cannot be translated. `%A` becomes the Sec-WebSocket-Accept that the request asks for.

import { chunked } from './http1-requests.ts';
import type { Random } from './random.ts';
import { HIDDEN, type ServiceScript, type ServiceStep, token } from './web-session.ts';

export interface ScriptPlan {
  readonly seed: number;
  readonly number: number;
  readonly random: Random;
  readonly method: string;
}

const send = (text: string): ServiceStep => ({ do: 'send', text });
const REQUEST: ServiceStep = { do: 'request' };

/** The plainest answer there is. */
export function plainScript(seed: number, number: number): ServiceScript {
  const own = token(seed, number);
  const text = `HTTP/1.1 200 OK\r\nContent-Length: ${own.length}\r\nX-Token: ${own}\r\n\r\n${own}`;
  return { steps: [REQUEST, send(text)], outcome: 'whole', status: 200, content: own };
}

/** Well or badly. */
export function anyScript(plan: ScriptPlan): ServiceScript {
  const { random } = plan;
  return random.pick([legalScript, legalScript, legalScript, cutScript, badScript, oddScript])(plan);
}

/** An answer that has to reach the client as it is. */
export function legalScript(plan: ScriptPlan): ServiceScript {
  const { seed, number, random, method } = plan;
  const own = token(seed, number);
  const status = random.pick([200, 200, 200, 201, 204, 206, 301, 304, 400, 404, 418, 500, 503, 599]);
  const isBodiless = method === 'HEAD' || status === 204 || status === 304;
  const content = isBodiless || random.oneIn(6) ? '' : own.repeat(random.pick([1, 3, 50, 2000]));
  const fields = [`X-Token: ${own}\r\n`, ...legalFields(own, random)];
  let body = content;
  let fin: readonly ServiceStep[] = [];
  let version = 'HTTP/1.1';
  if (isBodiless) {
    if (method === 'HEAD' && status !== 204)
      fields.push(random.oneIn(2) ? 'Content-Length: 5\r\n' : 'Transfer-Encoding: chunked\r\n');
  } else {
    switch (random.below(4)) {
      case 0:
        fields.push('Transfer-Encoding: chunked\r\n');
        body = chunked(content, own, random);
        break;
      case 1:
        if (random.oneIn(2)) version = 'HTTP/1.0';
        else fields.push('Connection: close\r\n');
        fin = [{ do: 'fin' }];
        break;
      default:
        fields.push(`Content-Length: ${content.length}\r\n`);
    }
  }
  const interim = random.oneIn(6) ? interims(own, random) : '';
  const reason = random.pick(['OK', '', 'Weird \xfc reason']);
  const text = `${interim}${version} ${status} ${reason}\r\n${fields.join('')}\r\n${body}`;
  return { steps: [REQUEST, ...inPieces(text, random), ...fin], outcome: 'whole', status, content };
}

function legalFields(own: string, random: Random): readonly string[] {
  const more = [
    'Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n',
    'Server: x\r\n',
    `Set-Cookie: a=${own}\r\nSet-Cookie: b=${own}\r\n`,
    'Keep-Alive: timeout=1\r\n',
    'Connection: X-Hop\r\nX-Hop: gone\r\n',
    'Connection: keep-alive\r\n',
    'X-Empty:\r\n',
    `X-High: \x80\xff${own}\r\n`,
    `Content-Disposition: attachment; filename="\xfc"\r\n`,
    'Vary: *\r\nAge: 1\r\n',
    'Trailer: X-Trailer\r\n',
    'Upgrade: h2c\r\nConnection: Upgrade\r\n',
  ];
  return Array.from({ length: random.below(4) }, () => random.pick(more));
}

function interims(own: string, random: Random): string {
  return random.pick([
    'HTTP/1.1 100 Continue\r\n\r\n',
    `HTTP/1.1 103 Early Hints\r\nLink: </${own}>\r\n\r\n`,
    'HTTP/1.1 102 Processing\r\n\r\n'.repeat(3),
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n',
  ]);
}

/** A legal one that ends before it is whole. */
function cutScript(plan: ScriptPlan): ServiceScript {
  const { seed, number, random, method } = plan;
  if (method === 'HEAD') return plainScript(seed, number);
  const own = token(seed, number);
  if (random.oneIn(4)) {
    // FIN would be its end; RST is none (RFC 9112 section 8).
    const text = `HTTP/1.1 200 OK\r\nX-Token: ${own}\r\n\r\n${own}`;
    const steps: readonly ServiceStep[] = [
      REQUEST,
      ...inPieces(text, random),
      { do: 'turns', count: 20 },
      { do: 'reset' },
    ];
    return { steps, outcome: 'cut', status: 0, content: '' };
  }
  const framing = random.oneIn(2);
  const fields = framing ? `Content-Length: ${own.length * 3}\r\n` : 'Transfer-Encoding: chunked\r\n';
  const body = framing ? own.repeat(3) : `${own.length.toString(16)}\r\n${own}\r\n`.repeat(2);
  const trailing = framing ? '' : random.pick(['', '0\r\n', '0\r\nX-Trailer: a', '0']);
  const text = `HTTP/1.1 200 OK\r\nX-Token: ${own}\r\n${fields}\r\n${body}${trailing}`;
  const end = framing
    ? random.below(text.length)
    : text.length - random.below(trailing === '' ? text.length : 1);
  const last: ServiceStep = random.oneIn(2) ? { do: 'fin' } : { do: 'reset' };
  return {
    steps: [
      REQUEST,
      ...inPieces(text.slice(0, end), random),
      ...(random.oneIn(2) ? [{ do: 'turns', count: 3 } as const] : []),
      last,
    ],
    outcome: 'cut',
    status: 0,
    content: '',
  };
}

/** What has no translation, or is no HTTP/1.1: 502, never a guess. */
function badScript(plan: ScriptPlan): ServiceScript {
  const { seed, number, random, method } = plan;
  const own = token(seed, number);
  // It ends behind this answer, and says so.
  const head = `HTTP/1.1 200 OK\r\nConnection: close\r\nX-Token: ${own}\r\n`;
  const choices = [
    `HTTP/1.1 99 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 999 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 000 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 abc No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 2000 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n`,
    `ICY 200 OK\r\nContent-Length: 0\r\n\r\n`,
    `${own}\r\n\r\n`,
    `HTTP/1.1 101 Switching Protocols\r\nX-Token: ${own}\r\n\r\n`,
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %A\r\n\r\n`,
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n`,
    `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(40)}${head}Content-Length: 0\r\n\r\n`,
    `${head}X\x00: y\r\nContent-Length: 0\r\n\r\n`,
    `${head}X: a\x00b\r\nContent-Length: 0\r\n\r\n`,
    `${head}X y: a\r\nContent-Length: 0\r\n\r\n`,
    `${head}Content-Length : 0\r\n\r\n`,
    `${head}X: ${'y'.repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`,
    `${head}${'X: y\r\n'.repeat(300)}Content-Length: 0\r\n\r\n`,
  ];
  if (method !== 'HEAD') {
    choices.push(
      `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      `${head}Content-Length: +1\r\n\r\na`,
      `${head}Content-Length: -1\r\n\r\na`,
      `${head}Content-Length: a\r\n\r\na`,
      `${head}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n`,
      `${head}Transfer-Encoding: gzip\r\n\r\n${own}`,
      `${head}Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
      `${head}Transfer-Encoding: chunked, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
      `${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n${own}\r\n0\r\n\r\n`,
      `${head}Transfer-Encoding: chunked\r\n\r\n-1\r\n${own}\r\n0\r\n\r\n`,
      `${head}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n${own}\r\n0\r\n\r\n`,
      `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n`,
    );
  }
  const text = random.pick(choices);
  const last: ServiceStep = { do: random.oneIn(2) ? 'fin' : 'reset' };
  return {
    steps: [REQUEST, ...inPieces(text, random), { do: 'turns', count: 2 }, last],
    outcome: 'bad',
    status: 0,
    content: '',
  };
}

/** Legal or nearly so, at an odd moment: before the request is whole, with bytes behind, with forbidden trailers. */
function oddScript(plan: ScriptPlan): ServiceScript {
  const { seed, number, random, method } = plan;
  const own = token(seed, number);
  const content = method === 'HEAD' ? '' : own;
  const length = `Content-Length: ${own.length}\r\n`;
  const whole = `HTTP/1.1 200 OK\r\nX-Token: ${own}\r\n${length}\r\n${content}`;
  // Where this side may end, it says so: nobody may lose a request that was sent meanwhile.
  const closing = whole.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
  const extra = `HTTP/1.1 200 OK\r\nX-Token: ${token(seed, HIDDEN)}\r\nContent-Length: 0\r\n\r\n`;
  const trailers = (fields: string): string =>
    `HTTP/1.1 200 OK\r\nX-Token: ${own}\r\nTransfer-Encoding: chunked\r\n\r\n${method === 'HEAD' ? '' : `${own.length.toString(16)}\r\n${own}\r\n0\r\n${fields}\r\n`}`;
  const served = { outcome: 'whole', status: 200, content } as const;
  const any = { outcome: 'any', status: 200, content } as const;
  const choices: readonly ServiceScript[] = [
    // Answers before it has read the request.
    { steps: [send(whole)], ...served },
    { steps: [send(closing), { do: 'fin' }], ...any },
    { steps: [send(closing), { do: 'reset' }], ...any },
    { steps: [send(whole.slice(0, 20)), REQUEST, send(whole.slice(20))], ...served },
    { steps: [{ do: 'reset' }], ...any },
    { steps: [{ do: 'fin' }], ...any },
    { steps: [REQUEST, { do: 'fin' }], outcome: 'cut', status: 0, content: '' },
    // Bytes behind the end of the answer belong to no request.
    { steps: [REQUEST, send(whole + extra)], ...served },
    {
      steps: [REQUEST, send(`HTTP/1.1 204 No Content\r\nX-Token: ${own}\r\n\r\n${extra}`)],
      outcome: 'whole',
      status: 204,
      content: '',
    },
    {
      steps: [REQUEST, send(`HTTP/1.1 304 Not Modified\r\n${length}X-Token: ${own}\r\n\r\n${own}`)],
      outcome: 'whole',
      status: 304,
      content: '',
    },
    {
      steps: [REQUEST, send(`HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\nX-Token: ${own}\r\n\r\n`)],
      outcome: 'whole',
      status: 205,
      content: '',
    },
    // Fields that a trailer section may not hold are dropped; the content stays.
    { steps: [REQUEST, send(trailers(`Content-Length: 5\r\nX-Trailer: ${own}\r\n`))], ...served },
    { steps: [REQUEST, send(trailers('HTTP2-Settings: x\r\n'))], ...served },
    {
      steps: [
        REQUEST,
        send(
          trailers(
            'Connection: close\r\nTransfer-Encoding: chunked\r\nHost: a\r\nUpgrade: x\r\nTE: gzip\r\n',
          ),
        ),
      ],
      ...served,
    },
    { steps: [REQUEST, send(trailers(':status: 500\r\n'))], ...any },
    { steps: [REQUEST, send(trailers('X: a\x00\r\n'))], ...any },
    { steps: [REQUEST, send(trailers(`X: ${'y'.repeat(70_000)}\r\n`))], ...any },
    { steps: [REQUEST, send(trailers('X: y\r\n'.repeat(300)))], ...any },
    { steps: [REQUEST, send(whole.replace('\r\n\r\n', '\r\nHTTP2-Settings: x\r\n\r\n'))], ...served },
    {
      steps: [
        REQUEST,
        send(
          whole.replace(
            '\r\n\r\n',
            '\r\nFramegate-Failure: no_route\r\nFramegate-Endpoint: evil\r\nFramegate-Sentence: %\r\n\r\n',
          ),
        ),
      ],
      ...served,
    },
    {
      steps: [
        REQUEST,
        send(whole.replace('\r\n\r\n', '\r\nGrpc-Status: 0\r\nTe: x\r\nProxy-Connection: close\r\n\r\n')),
      ],
      ...served,
    },
    { steps: [REQUEST, send(`HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n${whole}`)], ...any },
    {
      steps: [
        REQUEST,
        send(`HTTP/1.1 103 Early Hints\r\nHTTP2-Settings: x\r\nConnection: x\r\n\r\n${whole}`),
      ],
      ...served,
    },
    { steps: [REQUEST, send(whole.replace('Content-Length: ', 'Content-Length: 0000'))], ...any },
    { steps: [REQUEST, send(whole.replaceAll('\r\n', '\n'))], ...any },
    { steps: [REQUEST, send(`\r\n${whole}`)], ...any },
    {
      steps: [
        REQUEST,
        send(whole.replace('HTTP/1.1', 'HTTP/1.0').replace('\r\n\r\n', '\r\nConnection: keep-alive\r\n\r\n')),
      ],
      ...served,
    },
    { steps: [REQUEST, send(whole.replace('200 OK', '200'))], ...any },
    { steps: [REQUEST, send(closing), { do: 'turns', count: 4 }, { do: 'reset' }], ...any },
  ];
  return random.pick(choices);
}

/** In one segment, or in some. */
export function inPieces(text: string, random: Random): readonly ServiceStep[] {
  if (!random.oneIn(3) || text.length < 2) return [send(text)];
  const at = 1 + random.below(text.length - 1);
  return [send(text.slice(0, at)), { do: 'turns', count: 1 + random.below(3) }, send(text.slice(at))];
}

/** Of a service for WebSockets: mostly agreed to, and then an echo. */
export function tunnelScript(plan: ScriptPlan): ServiceScript {
  const { seed, number, random } = plan;
  const own = token(seed, number);
  const agreed = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %A\r\nX-Token: ${own}\r\n`;
  const served = { outcome: 'whole', status: 101, content: '' } as const;
  const any = { outcome: 'any', status: 101, content: '' } as const;
  const choices: readonly ServiceScript[] = [
    { steps: [send(`${agreed}\r\n`), { do: 'echo' }], ...served },
    { steps: [send(`${agreed}\r\n`), { do: 'echo' }], ...served },
    { steps: [send(`${agreed}\r\n${own}`), { do: 'echo' }], ...served, content: own },
    { steps: [send(agreed), { do: 'turns', count: 2 }, send('\r\n'), { do: 'echo' }], ...served },
    { steps: [send(`${agreed}HTTP2-Settings: x\r\nKeep-Alive: x\r\n\r\n`), { do: 'echo' }], ...served },
    { steps: [send(`HTTP/1.1 103 Early Hints\r\n\r\n${agreed}\r\n`), { do: 'echo' }], ...any },
    { steps: [send(`${agreed}\r\n`), { do: 'fin' }], ...any },
    { steps: [send(`${agreed}\r\n${own}`), { do: 'reset' }], ...any },
    { steps: [send(`${agreed}Content-Length: 5\r\n\r\n`), { do: 'echo' }], ...any },
    { steps: [send(`${agreed}Transfer-Encoding: chunked\r\n\r\n`), { do: 'echo' }], ...any },
    { steps: [send(agreed), { do: 'fin' }], ...any },
    { steps: [send(`${agreed.replace('%A', 'wrong')}\r\n`), { do: 'echo' }], ...any },
    { steps: [send(`${agreed.replace('websocket', 'foo')}\r\n`), { do: 'echo' }], ...any },
    { steps: [send('HTTP/1.1 101 Switching Protocols\r\n\r\n'), { do: 'echo' }], ...any },
    ...[200, 204, 304, 400, 401, 426, 503].map((status) => ({
      ...legalScript(plan),
      ...plainStatus(own, status),
      // A 2xx is no answer to a request for a WebSocket: the client gets 502.
      ...(status < 300 && { outcome: 'any' as const }),
    })),
    { ...badScript(plan), outcome: 'any' },
    { steps: [{ do: 'reset' }], ...any },
  ];
  return random.pick(choices);
}

function plainStatus(own: string, status: number): ServiceScript {
  const isBodiless = status === 204 || status === 304;
  const content = isBodiless ? '' : own;
  const length = status === 204 ? '' : `Content-Length: ${own.length}\r\n`;
  const text = `HTTP/1.1 ${status} No\r\n${length}X-Token: ${own}\r\n\r\n${content}`;
  return { steps: [send(text)], outcome: 'whole', status, content };
}
