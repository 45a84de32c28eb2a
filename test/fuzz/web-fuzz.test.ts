// A short, seeded run of the web fuzzer, and proof that its judges see what they are for.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SessionLog } from './scripted-service.ts';
import { plainScript } from './service-scripts.ts';
import { readHttp1Answers } from './strict-answers.ts';
import type { Heard } from './web-client.ts';
import { fuzzWeb } from './web-fuzz.ts';
import { judge } from './web-judge.ts';
import { knownSessions } from './web-seeds.ts';
import { isWebSession, type RequestItem, token, type WebSession } from './web-session.ts';
import { shorter, webSession } from './web-sessions.ts';

const OWN = token(7, 0);
const HEAD = `HTTP/1.1 200 OK\r\nX-Token: ${OWN}\r\n`;
const WHOLE = `${HEAD}Content-Length: ${OWN.length}\r\n\r\n${OWN}`;

const request: RequestItem = {
  kind: 'request',
  number: 0,
  method: 'GET',
  head: [`GET /fz/${OWN} HTTP/1.1\r\n`, 'Host: a\r\n', '\r\n'],
  body: '',
  content: '',
  cuts: [],
  next: 'join',
};

const session: WebSession = {
  seed: 7,
  name: 'of a test',
  listener: 'clear',
  speaks: 'http1',
  alpn: undefined,
  isLegal: true,
  items: [request],
  scripts: { 0: plainScript(7, 0) },
  reads: true,
};

function heard(text: string): Heard {
  return { text, frames: [], isEnded: true, problem: undefined };
}

function logOf(...received: readonly { readonly method: string; readonly content: string }[]): SessionLog {
  const log = new SessionLog();
  log.requests.set(
    0,
    received.map(({ method, content }) => ({ method, content, head: '', isWhole: true })),
  );
  return log;
}

const GET = { method: 'GET', content: '' };

describe('the judge', () => {
  test('finds nothing wrong with a request that was served', () => {
    assert.equal(judge(session, heard(WHOLE), logOf(GET)), undefined);
  });

  const wrong: readonly (readonly [what: string, says: RegExp, text: string, log?: SessionLog])[] = [
    ['a byte of another client', /another client/, WHOLE.replace(OWN, token(8, 0))],
    ['an answer to a hidden request', /answer no request/, WHOLE + token(7, 900)],
    ['more answers than requests', /more answers/, WHOLE + WHOLE],
    ['an answer that is missing', /got no answer/, ''],
    ['an answer that has lost bytes', /of 4 bytes/, `${HEAD}Content-Length: 0\r\n\r\n`],
    ['another status', /in place of 200/, WHOLE.replace('200', '502')],
    ['a request that lost its body', /never reached/, WHOLE, new SessionLog()],
    ['a text of the proxy in the middle', /parse|bytes/, WHOLE.replace('\r\n\r\n', '\r\n\r\nHTTP/1.1 501 x')],
    ['two lengths', /parse/, WHOLE.replace('Content-Length', 'Content-Length: 1\r\nContent-Length')],
    [
      'a length and chunks',
      /parse/,
      WHOLE.replace('Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length'),
    ],
    [
      'a forbidden trailer',
      /trailer/,
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n`,
    ],
    [
      'a chunk that is longer than its size',
      /longer/,
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`,
    ],
    ['a bare line feed', /parse/, WHOLE.replace('OK\r\n', 'OK\n')],
  ];
  for (const [what, says, text, log = logOf(GET)] of wrong) {
    test(`sees ${what}`, () =>
      assert.match(
        judge(session, heard(text), log) ?? 'nothing',
        new RegExp(says.source.replace('of 4 bytes', `of ${OWN.length} bytes`)),
      ));
  }

  test('sees an answer that broke off and looks whole', () => {
    const cut = {
      ...session,
      isLegal: false,
      scripts: { 0: { ...plainScript(7, 0), outcome: 'cut' } },
    } as const;
    assert.match(judge(cut, heard(WHOLE), logOf(GET)) ?? '', /looks whole/);
    assert.equal(judge(cut, heard(WHOLE.slice(0, -1)), logOf(GET)), undefined);
  });

  test('sees an answer that has no translation and was passed on', () => {
    const bad = {
      ...session,
      isLegal: false,
      scripts: { 0: { ...plainScript(7, 0), outcome: 'bad' } },
    } as const;
    assert.match(judge(bad, heard(WHOLE), logOf(GET)) ?? '', /cannot be translated/);
    assert.equal(judge(bad, heard(WHOLE.replace('200', '502')), logOf(GET)), undefined);
  });

  test('sees a POST that ran twice, and bears a GET that did', () => {
    const post = { ...session, items: [{ ...request, method: 'POST' }] };
    const received = { method: 'POST', content: '' };
    assert.match(judge(post, heard(WHOLE), logOf(received, received)) ?? '', /2 times/);
    assert.equal(judge(session, heard(WHOLE), logOf(GET, GET)), undefined);
  });
});

describe('answers over HTTP/1.1', () => {
  test('to HEAD end with their head, whatever they announce', () => {
    const asked = { methods: ['HEAD', 'GET'], mostAnswers: 2 };
    const { answers, problem } = readHttp1Answers(
      `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${WHOLE}`,
      asked,
      false,
    );
    assert.equal(problem, undefined);
    assert.deepEqual(
      answers.map(({ content }) => content),
      ['', OWN],
    );
  });

  test('are whole when they are cut at no byte but the last', () => {
    for (let end = 0; end < WHOLE.length; end++) {
      const { answers, problem } = readHttp1Answers(
        WHOLE.slice(0, end),
        { methods: ['GET'], mostAnswers: 1 },
        false,
      );
      assert.equal(problem, undefined, `cut at ${end}`);
      assert.ok(
        answers.every(({ isWhole }) => !isWhole),
        `cut at ${end}`,
      );
    }
  });
});

describe('sessions', () => {
  test('are the same for the same seed, and after they were written down', () => {
    for (let seed = 1; seed < 200; seed++) {
      const written: unknown = JSON.parse(JSON.stringify(webSession(seed)));
      assert.ok(isWebSession(written));
      assert.equal(JSON.stringify(written), JSON.stringify(webSession(seed)));
    }
  });

  test('of all kinds are made up, and each can be made shorter until little is left', () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed < 300; seed++) {
      const { speaks, listener, isLegal, alpn } = webSession(seed);
      kinds.add(`${speaks} ${listener} ${isLegal} ${alpn === undefined ? '' : 'handshake'}`);
      if (seed > 60) continue;
      let current = webSession(seed);
      for (let round = 0; round < 500; round++) {
        const next = shorter(current).next().value;
        if (next === undefined) break;
        current = next;
      }
      const left = current.items.map((item) => ('stream' in item ? item.stream : item.kind));
      assert.ok(new Set(left).size <= 2, `seed ${seed}: ${left.join(', ')} are left`);
    }
    assert.ok(kinds.size >= 15, [...kinds].join('; '));
  });

  test('that are known name what has broken a proxy, each with a seed of its own', () => {
    const known = knownSessions();
    assert.equal(new Set(known.map(({ seed }) => seed)).size, known.length);
    assert.ok(known.length > 40);
  });
});

test('what has broken a proxy breaks it no more, nor do 80 sessions that are made up', async () => {
  assert.deepEqual(await fuzzWeb({ sessions: 80, seconds: 120, seed: 9112 }), []);
});
