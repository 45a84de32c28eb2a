// Sessions that have broken a proxy before, each by itself, in front of those that are made up: what ended the process, what
// hung, what was lost or put where it does not belong.

import { streamOf } from './h2-requests.ts';
import { requestItem } from './http1-requests.ts';
import { plainScript } from './service-scripts.ts';
import {
  HIDDEN,
  type Item,
  type RequestItem,
  type ServiceScript,
  type ServiceStep,
  token,
  type WebSession,
} from './web-session.ts';

/** Seeds of sessions that are made up are positive and smaller. */
const FIRST_SEED = 4_000_000_000;

interface SeedPlan {
  readonly own: (number: number) => string;
  readonly path: (number: number) => string;
  readonly script: (number: number) => ServiceScript;
  readonly hidden: string;
}

type Known = Partial<WebSession> & Pick<WebSession, 'items'>;

const UPGRADE = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
const KEY = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const REQUEST: ServiceStep = { do: 'request' };
const send = (text: string): ServiceStep => ({ do: 'send', text });

function ask(number: number, text: string, rest: Partial<RequestItem> = {}): RequestItem {
  const head = text.match(/[^\n]*\n/g) ?? [];
  const method = /^[A-Z]+/.exec(text)?.[0] ?? '';
  return requestItem(number, method, [...head, '\r\n'], rest);
}

function get(number: number, { path, own }: SeedPlan, fields = ''): RequestItem {
  return ask(number, `GET ${path(number)} HTTP/1.1\r\nHost: a\r\nX-Token: ${own(number)}\r\n${fields}`);
}

function stream(
  number: number,
  { path, own }: SeedPlan,
  options: {
    method?: string;
    authority?: string;
    isEnd?: boolean;
    fields?: readonly (readonly [string, string])[];
  } = {},
): Item {
  const { method = 'GET', authority = 'a', isEnd = true, fields = [] } = options;
  return {
    kind: 'headers',
    stream: streamOf(number),
    fields: [
      [':method', method],
      [':scheme', 'http'],
      [':path', path(number)],
      [':authority', authority],
      ['x-token', own(number)],
      ...fields,
    ],
    isEnd,
    next: 'join',
  };
}

function data(number: number, text: string, isEnd: boolean): Item {
  return { kind: 'data', stream: streamOf(number), text, isEnd, next: 'join' };
}

function answers(text: string, outcome: ServiceScript['outcome'], status = 0, content = ''): ServiceScript {
  return { steps: [REQUEST, send(text)], outcome, status, content };
}

const KNOWN: Readonly<Record<string, (plan: SeedPlan) => Known>> = {
  'an upgrade behind a request without Host': (plan) => ({
    items: [ask(0, 'GET / HTTP/1.1\r\n'), ask(1, `GET ${plan.path(1)} HTTP/1.1\r\n${UPGRADE}${KEY}`)],
  }),
  'an upgrade that no route takes, behind a request without Host': () => ({
    items: [ask(0, 'GET / HTTP/1.1\r\n'), ask(1, `GET / HTTP/1.1\r\n${UPGRADE}`)],
  }),
  'an upgrade that no route takes, behind a request without Host, over TLS': () => ({
    listener: 'tls',
    alpn: ['http/1.1'],
    items: [ask(0, 'GET / HTTP/1.1\r\n'), ask(1, `GET / HTTP/1.1\r\n${UPGRADE}`)],
  }),
  'an upgrade behind an unknown expectation': (plan) => ({
    items: [get(0, plan, 'Expect: x\r\n'), ask(1, `GET ${plan.path(1)} HTTP/1.1\r\n${UPGRADE}`)],
  }),
  'an upgrade that no route takes, behind an unknown expectation': (plan) => ({
    items: [get(0, plan, 'Expect: x\r\n'), ask(1, `GET / HTTP/1.1\r\n${UPGRADE}`)],
  }),
  'an upgrade behind two Hosts': () => ({
    items: [ask(0, 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n'), ask(1, `GET / HTTP/1.1\r\n${UPGRADE}`)],
  }),
  'an upgrade behind a request without Host, over TLS': (plan) => ({
    listener: 'tls',
    alpn: ['http/1.1'],
    items: [ask(0, 'GET / HTTP/1.1\r\n'), ask(1, `GET ${plan.path(1)} HTTP/1.1\r\n${UPGRADE}${KEY}`)],
  }),
  'expect: 100-continue and RST_STREAM in one segment': (plan) => ({
    speaks: 'h2',
    items: [
      // The way to the service is open already.
      { ...stream(0, plan), next: 'answer' },
      stream(1, plan, { method: 'POST', isEnd: false, fields: [['expect', '100-continue']] }),
      { kind: 'rst', stream: streamOf(1), code: 8, next: 'turns' },
    ],
  }),
  'expect: 100-continue and FIN in one segment': (plan) => ({
    speaks: 'h2',
    items: [
      {
        ...stream(0, plan, { method: 'POST', isEnd: false, fields: [['expect', '100-continue']] }),
        next: 'fin',
      },
    ],
  }),
  'expect: 100-continue and RST of the connection': (plan) => ({
    speaks: 'h2',
    items: [
      {
        ...stream(0, plan, { method: 'POST', isEnd: false, fields: [['expect', '100-continue']] }),
        next: 'reset',
      },
    ],
  }),
  ...Object.fromEntries(
    (['http1', 'h2'] as const).flatMap((speaks) => [
      [
        `HTTP2-Settings in a trailer, to ${speaks}`,
        (plan: SeedPlan): Known => ({
          speaks,
          isLegal: true,
          items: [speaks === 'h2' ? stream(0, plan) : get(0, plan)],
          scripts: {
            0: answers(
              `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Token: ${plan.own(0)}\r\n\r\n1\r\na\r\n0\r\nHTTP2-Settings: x\r\n\r\n`,
              'whole',
              200,
              'a',
            ),
          },
        }),
      ],
      [
        `Content-Length in a trailer, to ${speaks}`,
        (plan: SeedPlan): Known => ({
          speaks,
          isLegal: true,
          items: [speaks === 'h2' ? stream(0, plan) : get(0, plan)],
          scripts: {
            0: answers(
              `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Token: ${plan.own(0)}\r\n\r\n1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n`,
              'whole',
              200,
              'a',
            ),
          },
        }),
      ],
      [
        `bytes behind the end of an answer, to ${speaks}`,
        (plan: SeedPlan): Known => ({
          speaks,
          isLegal: true,
          items: [0, 1].map((number) => ({
            ...(speaks === 'h2' ? stream(number, plan) : get(number, plan)),
            next: 'answer',
          })),
          scripts: {
            0: answers(
              `HTTP/1.1 304 Not Modified\r\nX-Token: ${plan.own(0)}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na`,
              'whole',
              304,
            ),
            1: plan.script(1),
          },
        }),
      ],
      [
        `content behind the head of an answer to HEAD, to ${speaks}`,
        (plan: SeedPlan): Known => ({
          speaks,
          isLegal: true,
          items: [
            speaks === 'h2'
              ? stream(0, plan, { method: 'HEAD' })
              : ask(0, `HEAD ${plan.path(0)} HTTP/1.1\r\nHost: a\r\n`),
          ],
        }),
      ],
      [
        `a coding that cannot be undone, to ${speaks}`,
        (plan: SeedPlan): Known => ({
          speaks,
          items: [{ ...(speaks === 'h2' ? stream(0, plan) : get(0, plan)), next: 'answer' }],
          scripts: {
            0: {
              steps: [
                REQUEST,
                send(
                  `HTTP/1.1 200 OK\r\nX-Token: ${plan.own(0)}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
                ),
                { do: 'fin' },
              ],
              outcome: 'bad',
              status: 0,
              content: '',
            },
          },
        }),
      ],
      [
        `a hundred interim answers, to ${speaks}`,
        (plan: SeedPlan): Known => ({
          speaks,
          items: [{ ...(speaks === 'h2' ? stream(0, plan) : get(0, plan)), next: 'answer' }],
          scripts: {
            0: {
              steps: [
                REQUEST,
                send(
                  `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)}HTTP/1.1 200 OK\r\nConnection: close\r\nX-Token: ${plan.own(0)}\r\nContent-Length: 0\r\n\r\n`,
                ),
                { do: 'fin' },
              ],
              outcome: 'bad',
              status: 0,
              content: '',
            },
          },
        }),
      ],
      [
        `a body without a length that RST ends, to ${speaks}`,
        (plan: SeedPlan): Known => ({
          speaks,
          items: [{ ...(speaks === 'h2' ? stream(0, plan) : get(0, plan)), next: 'answer' }],
          scripts: {
            0: {
              steps: [
                REQUEST,
                send(`HTTP/1.1 200 OK\r\nX-Token: ${plan.own(0)}\r\n\r\nhalf`),
                { do: 'turns', count: 20 },
                { do: 'reset' },
              ],
              outcome: 'cut',
              status: 0,
              content: '',
            },
          },
        }),
      ],
      [
        `an answer that breaks off, to ${speaks}`,
        (plan: SeedPlan): Known => ({
          speaks,
          isLegal: true,
          items: [speaks === 'h2' ? stream(0, plan) : get(0, plan)],
          scripts: {
            0: {
              steps: [
                REQUEST,
                send(
                  `HTTP/1.1 200 OK\r\nX-Token: ${plan.own(0)}\r\nContent-Length: 42\r\n\r\n${plan.own(0).slice(0, 11)}`,
                ),
                { do: 'reset' },
              ],
              outcome: 'cut',
              status: 0,
              content: '',
            },
          },
        }),
      ],
    ]),
  ),
  'HTTP2-Settings beside a 101': (plan) => ({
    items: [{ ...ask(0, `GET ${plan.path(0)} HTTP/1.1\r\n${UPGRADE}${KEY}`), next: 'answer' }],
    scripts: {
      0: {
        ...answers(SWITCHING('HTTP2-Settings: x\r\n'), 'any'),
        steps: [send(SWITCHING('HTTP2-Settings: x\r\n')), { do: 'echo' }],
      },
    },
  }),
  'HTTP2-Settings beside a 101, over HTTP/2': (plan) => ({
    speaks: 'h2',
    items: [
      stream(0, plan, { method: 'CONNECT', isEnd: false, fields: [['sec-websocket-version', '13']] }),
      data(0, plan.own(0), true),
    ].map((item) =>
      item.kind === 'headers'
        ? { ...item, fields: [[':protocol', 'websocket'] as const, ...item.fields], next: 'answer' as const }
        : item,
    ),
    scripts: {
      0: { ...answers('', 'any'), steps: [send(SWITCHING('HTTP2-Settings: x\r\n')), { do: 'echo' }] },
    },
  }),
  'a 101 that nobody asked for': (plan) => ({
    items: [{ ...get(0, plan), next: 'answer' }],
    scripts: {
      0: {
        ...answers('', 'bad'),
        steps: [REQUEST, send(SWITCHING('HTTP2-Settings: x\r\n')), { do: 'turns', count: 3 }, { do: 'fin' }],
      },
    },
  }),
  'a body whose end is an empty DATA frame': (plan) => ({
    speaks: 'h2',
    isLegal: true,
    // In one segment and in two, with an idle connection to the service and without.
    items: [0, 1, 2, 3, 4, 5, 6, 7].flatMap((number): Item[] => [
      {
        ...stream(number, plan, { method: number % 2 === 0 ? 'PUT' : 'POST', isEnd: false }),
        next: number < 6 ? 'join' : 'turns',
      },
      { ...data(number, '', true), next: number < 3 ? 'answer' : 'join' },
    ]),
    scripts: Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7].map((number) => [number, plan.script(number)])),
  }),
  'a body that trailers end': (plan) => ({
    speaks: 'h2',
    isLegal: true,
    items: [
      stream(0, plan, { method: 'PUT', isEnd: false }),
      { kind: 'headers', stream: 1, fields: [['x-trailer', plan.own(0)]], isEnd: true, next: 'join' },
    ],
  }),
  'a request behind an upgrade to h2c that is ignored': (plan) => ({
    isLegal: true,
    items: [
      get(
        0,
        plan,
        'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
      ),
      get(1, plan),
    ],
  }),
  'a body behind an upgrade that is ignored': (plan) => ({
    isLegal: true,
    items: [
      ask(
        0,
        `POST ${plan.path(0)} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\nContent-Length: ${plan.hidden.length}\r\n`,
        {
          body: plan.hidden,
          content: plan.hidden,
          cuts: [90, 140],
        },
      ),
      get(1, plan),
    ],
  }),
  'CONNECT behind an answer under way': (plan) => ({
    items: [get(0, plan), ask(1, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n', { next: 'answer' })],
    scripts: { 0: slow(plan) },
  }),
  'garbage behind an answer under way': (plan) => ({
    items: [get(0, plan), ask(1, '\x00\x01\x02 garbage\r\n', { next: 'answer' })],
    scripts: { 0: slow(plan) },
  }),
  'an upgrade behind two requests without an answer': (plan) => ({
    items: [get(0, plan), get(1, plan), ask(2, `GET ${plan.path(2)} HTTP/1.1\r\n${UPGRADE}${KEY}`)],
  }),
  'CONNECT behind two requests without an answer': (plan) => ({
    items: [get(0, plan), get(1, plan), ask(2, 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n')],
  }),
  'more requests than may be pipelined': (plan) => ({
    items: Array.from({ length: 120 }, (_, number) => get(number, plan)),
    scripts: Object.fromEntries(Array.from({ length: 120 }, (_, number) => [number, plan.script(number)])),
  }),
  '90 requests in one segment, and RST before their answers': (plan) => ({
    items: Array.from(
      { length: 90 },
      (_, number): RequestItem => ({ ...get(number, plan), next: number === 89 ? 'reset' : 'join' }),
    ),
    scripts: Object.fromEntries(Array.from({ length: 90 }, (_, number) => [number, plan.script(number)])),
  }),
  'trailers that speak for the client': (plan) => ({
    isLegal: true,
    items: [
      ask(0, `POST ${plan.path(0)} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n`, {
        body: '1\r\na\r\n0\r\nX-Forwarded-For: 192.0.2.9\r\nHost: b\r\nHTTP2-Settings: x\r\n\r\n',
        content: 'a',
      }),
    ],
  }),
  'a trailer that would end the body elsewhere': (plan) => ({
    // Refused or dropped; Node's parser refuses it.
    items: [
      ask(0, `POST ${plan.path(0)} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n`, {
        body: '1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n',
        content: 'a',
        next: 'answer',
      }),
    ],
  }),
  ...Object.fromEntries(
    ['a"', 'a?b', 'a\\b', 'a<b', 'a{b}', 'a|b', '\xff'].map((authority) => [
      `the authority ${authority}`,
      (plan: SeedPlan): Known => ({
        speaks: 'h2',
        items: [{ ...stream(0, plan, { authority }), next: 'answer' }, stream(1, plan)],
      }),
    ]),
  ),
  'two equal content-lengths over HTTP/2': (plan) => ({
    speaks: 'h2',
    items: [
      stream(0, plan, {
        method: 'POST',
        isEnd: false,
        fields: [
          ['content-length', '1'],
          ['content-length', '1'],
        ],
      }),
      { ...data(0, 'a', true), next: 'answer' },
    ],
  }),
  '1,000 Connection fields': (plan) => ({
    items: [
      {
        ...get(
          0,
          plan,
          Array.from({ length: 990 }, (_, index) => `Connection: ${index.toString(36)}\r\n`).join(''),
        ),
        next: 'answer',
      },
    ],
  }),
};

function SWITCHING(fields: string): string {
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %A\r\n${fields}\r\n`;
}

/** Room is left in the middle for text that does not belong there; it would make the answer whole. */
function slow({ own }: SeedPlan): ServiceScript {
  const content = own(0).repeat(20);
  return {
    steps: [
      REQUEST,
      send(`HTTP/1.1 200 OK\r\nX-Token: ${own(0)}\r\nContent-Length: ${content.length}\r\n\r\n${own(0)}`),
      { do: 'turns', count: 60 },
      send(content.slice(own(0).length)),
    ],
    outcome: 'any',
    status: 200,
    content,
  };
}

export function knownSessions(): readonly WebSession[] {
  return Object.entries(KNOWN).map(([name, make], index) => {
    const seed = FIRST_SEED + index;
    const own = (number: number): string => token(seed, number);
    const script = (number: number): ServiceScript => plainScript(seed, number);
    const path = (number: number): string => `/fz/${own(number)}`;
    const hidden = `GET /fz/${token(seed, HIDDEN)} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const known = make({ own, path, script, hidden });
    const scripts = { 0: script(0), 1: script(1), 2: script(2), ...known.scripts };
    return {
      seed,
      name,
      listener: 'clear',
      speaks: 'http1',
      alpn: undefined,
      isLegal: false,
      reads: true,
      ...known,
      scripts,
    };
  });
}
