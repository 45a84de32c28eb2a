// What peers repeat of the credentials that they are sent: no report shows it, however much of it they repeat, and where.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readCredentials } from '../../src/doctor/credentials.ts';
import { failed, withoutSecrets } from '../../src/doctor/finding.ts';
import {
  type CallWay,
  callGrpc,
  describeAnswer,
  emptyAnswer,
  readStatus,
} from '../../src/doctor/grpc-call.ts';
import { HiddenValues } from '../../src/doctor/hidden-values.ts';
import { holdStream } from '../../src/doctor/hold-stream.ts';
import { getByHttp1 } from '../../src/doctor/http1-look.ts';
import { diagnoseBroken, startHttp2, startSocketPeer } from './patient.ts';

/** Longer than any text of a report. No part of it occurs elsewhere. */
const TOKEN = `eyJ${Array.from({ length: 300 }, (_, index) => `k${index}`).join('')}`;
const SHORT_TOKEN = 'secret-of-mine';
const PIECES = /k\d+k\d+/;

const HIDDEN: readonly (readonly [says: string, text: string, wanted: string])[] = [
  ['a whole value', 'no: Bearer secret-of-mine!', 'no: (hidden)!'],
  ['a token without its scheme', 'bad token secret-of-mine.', 'bad token (hidden).'],
  ['several of them', 'secret-of-mine, a-key-of-mine, secret-of-mine', '(hidden), (hidden), (hidden)'],
  ['a value that begins as another', 'a-key-of-mine-too', '(hidden)'],
  ['nothing of a short value', 'HTTP/1.1 401 of 1', 'HTTP/1.1 401 of 1'],
];

for (const [says, text, wanted] of HIDDEN)
  test(`of a text is hidden: ${says}`, () => {
    const values = ['Bearer secret-of-mine', '1', 'a-key-of-mine', 'a-key-of-mine-too'];
    assert.equal(new HiddenValues(values).hide(text), wanted);
  });

/** Values, and how a peer repeats them. */
const REPETITIONS: readonly (readonly [value: string, text: string, wanted: string])[] = [
  ['session=TOPSECRET123; theme=dark', 'no session TOPSECRET123 of theme', 'no session (hidden) of theme'],
  [
    'Digest username="Mufasa", response="6629fae49393a053"',
    'bad response 6629fae49393a053',
    'bad response (hidden)',
  ],
  ['Digest username="Mufasa", response="6629fae49393a053"', "is mufasa's username", "is (hidden)'s username"],
  ['Bearer secret-of-mine', 'a Bearer token is wanted', 'a Bearer token is wanted'],
  ['hunter2hunter2 and-more', 'hunter2hunter2 is wrong', '(hidden) is wrong'],
  ['Basic dXNlcg==', 'dXNlcg is malformed', '(hidden) is malformed'],
  ['Basic dXNlcg==', 'dXNlcg%3D%3d is malformed', '(hidden) is malformed'],
  ['Bearer Secret-Of-Mine', 'x-secret-of-mine', 'x-(hidden)'],
  ['s\u00e9cr\u00e9t-of-mine', 's%E9cr%c3%a9t-of-mine', '(hidden)'],
  ['s\u00e9cr\u00e9t-of-mine', 's\u00c3\u00a9cr\u00c3\u00a9t-of-mine', '(hidden)'],
  ['s\u00e9cr\u00e9t-of-mine', 's\ufffdcr\ufffdt-of-mine', '(hidden)'],
  ['s\u00e9cr\u00e9t-of-mine', String.raw`"s\u00e9cr\u00E9t-of-mine"`, '"(hidden)"'],
  ['s\u00c3\u00a9cret-of-mine', 's\u00e9cret-of-mine', '(hidden)'],
  [
    'one\ttwo-of-mine',
    String.raw`one\ttwo-of-mine one%09two-of-mine one\u{9}two-of-mine`,
    '(hidden) (hidden) (hidden)',
  ],
  ['one two-of-mine', 'one+two-of-mine one%20two-of-mine', '(hidden) (hidden)'],
  ['secret-of-mine', 'it begins with secret…', 'it begins with (hidden)…'],
  ['secret-of-mine', 'a secret is wanted', 'a secret is wanted'],
];

for (const [value, text, wanted] of REPETITIONS)
  test(`of ${JSON.stringify(value)} no part is shown of ${JSON.stringify(text)}`, () => {
    assert.equal(new HiddenValues([value]).hide(text), wanted);
  });

test('a token that a peer has cut off is hidden as far as it goes', () => {
  const values = new HiddenValues([`Bearer ${TOKEN}`]);
  for (const size of [16, 17, 100, TOKEN.length])
    assert.equal(values.hide(`bad ${TOKEN.slice(0, size)}.`), 'bad (hidden).', `${size}`);
});

function wayTo(address: string, token: string): CallWay {
  const [host, port] = address.split(':');
  const read = readCredentials({ header: [`authorization:Bearer ${token}`, 'x-version:1'] });
  assert.ok(typeof read !== 'string');
  return {
    address: { kind: 'tcp', host, port: Number(port), text: address },
    tls: undefined,
    authority: address,
    credentials: read.headers,
  };
}

function encodeLetter(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16)}`;
}

/** How services repeat what they were sent. */
const REPEATED: readonly (readonly [how: string, repeat: (field: string) => string])[] = [
  ['the whole field', (field) => `no: ${field}`],
  ['the token without its scheme', (field) => `invalid token ${field.slice('Bearer '.length)}`],
  ['a token behind a long text', (field) => `${'x'.repeat(550)} ${field.slice('Bearer '.length)}`],
  ['a token behind a longer text', (field) => `${'x'.repeat(2000)} ${field.slice('Bearer '.length)}`],
  [
    'an encoded token behind a long text',
    (field) => `${'x'.repeat(590)}${field.slice('Bearer '.length).replaceAll(/[ks]/g, encodeLetter)}`,
  ],
];

for (const token of [TOKEN, SHORT_TOKEN])
  for (const [how, repeat] of REPEATED)
    test(`a gRPC service repeats ${how} (${token.length} characters): it is hidden`, async (t) => {
      const address = await startHttp2(t, (stream, headers) => {
        const text = repeat(String(headers.authorization));
        const fields = {
          'grpc-status': '16',
          'grpc-message': text,
          server: text,
          'content-type': `a/b;c=${text}`,
        };
        stream.respond({ ':status': 200, ...fields }, { endStream: true });
      });
      const way = wayTo(address, token);
      const answer = await callGrpc(way, { path: '/a.B/C', message: Buffer.alloc(5), limitMs: 5000 });
      const request = { path: '/a.B/C', message: undefined, isRequestOver: false, holdMs: 5000 };
      const held = await holdStream(way, request, new AbortController().signal);
      assert.equal(held.outcome, 'ended');
      assert.match(describeAnswer(answer), /^UNAUTHENTICATED “/);
      for (const shown of [JSON.stringify({ ...answer, body: '' }), JSON.stringify(held)]) {
        assert.doesNotMatch(shown, PIECES);
        assert.doesNotMatch(shown, /ecret-of|x+eyJ/);
        assert.doesNotMatch(shown, /Bearer \(/, 'the scheme is part of the value');
      }
    });

/** Answers with the token in its first line, whose end comes some turns of the event loop after its beginning. */
async function startEcho(t: TestContext): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let head = '';
    socket.on('data', (bytes) => {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      const token = /^authorization: Bearer (\S+)/m.exec(head)?.[1] ?? '';
      const line = `HTTP/1.1 401 bad ${token}`;
      socket.write(line.slice(0, 20));
      const end = (turns: number): unknown =>
        turns > 0 ? setImmediate(() => end(turns - 1)) : socket.end(`${line.slice(20)}\r\n\r\n`);
      end(10);
    });
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `127.0.0.1:${address.port}`;
}

for (const token of [TOKEN, SHORT_TOKEN])
  test(`an HTTP/1.1 service repeats a token of ${token.length} characters in its first line: it is hidden`, async (t) => {
    const { address, authority, credentials } = wayTo(await startEcho(t), token);
    const look = await getByHttp1(address, undefined, { host: authority, path: '/', credentials }, 5000);
    assert.ok(!('failure' in look));
    assert.deepEqual([look.firstLine, look.httpStatus], ['HTTP/1.1 401 bad (hidden)', 401]);
  });

test('no report of the doctor shows what a service repeats of credentials', async (t) => {
  const endpoint = await startHttp2(t, (stream, headers) => {
    const message = `no: ${String(headers.authorization).slice('Bearer '.length)}`;
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12', 'grpc-message': message },
      { endStream: true },
    );
  });
  for (const token of [TOKEN, SHORT_TOKEN]) {
    const credentials = readCredentials({ header: [`authorization:Bearer ${token}`] });
    assert.ok(typeof credentials !== 'string');
    const shown = JSON.stringify(await diagnoseBroken(t, {}, { endpoint, credentials }));
    assert.match(shown, /\(hidden\)/);
    assert.ok(!shown.includes(SHORT_TOKEN));
    assert.doesNotMatch(shown, PIECES);
  }
});

/** Longer than a name of a field is shown. */
const NAME_TOKEN = `zz-${Array.from({ length: 30 }, (_, index) => `q${index}`).join('')}`;

test('the names of fields show nothing of what a service repeats in them', async (t) => {
  const address = await startHttp2(t, (stream) => {
    const fields = { 'content-type': 'application/grpc', [`x-${NAME_TOKEN}`]: '1', 'grpc-status': '0' };
    stream.respond({ ':status': 200, ...fields }, { endStream: true });
  });
  const way = wayTo(address, NAME_TOKEN.toUpperCase());
  const answer = await callGrpc(way, { path: '/a.B/C', message: Buffer.alloc(5), limitMs: 5000 });
  assert.ok(answer.headerNames.includes('x-(hidden)'), answer.headerNames.join());
});

function protobufField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

/** A framed response of reflection that lists one service. */
function listOf(service: string): Buffer {
  const message = protobufField(6, protobufField(1, protobufField(1, Buffer.from(service))));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** What was sent by another connection or in an earlier run. */
const REMEMBERED = 'what-a-peer-has-remembered';

test('no report shows what a peer says of credentials that this connection has not sent', async (t) => {
  const endpoint = await startHttp2(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(listOf(REMEMBERED));
  });
  const target = await startSocketPeer(t, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () =>
      socket.end(`HTTP/1.1 400 ${'x'.repeat(50)} ${REMEMBERED}\r\nserver: nginx ${REMEMBERED}\r\n\r\n`),
    );
  });
  const credentials = readCredentials({ header: [`x-key:${REMEMBERED}`] });
  assert.ok(typeof credentials !== 'string');
  const reports = await diagnoseBroken(t, {}, { endpoint, target, credentials });
  const textOf = (id: RegExp): string =>
    JSON.stringify(reports.filter((report) => id.test(report.id)).map(({ findings }) => findings));
  assert.match(textOf(/reflection$/), /reflection lists \(hidden\)/);
  assert.match(textOf(/^target\.protocol$/), /400 x+ \(hidden\)….* from nginx \(hidden\)/);
  assert.match(textOf(/^guesses\./), /nginx \(hidden\)/);
  assert.ok(!JSON.stringify(reports).includes(REMEMBERED.slice(0, 12)));
});

test('a remedy and the token of a proxy are hidden like the text, and a token of the catalogue is not', () => {
  const values = new HiddenValues(['secret-of-mine', 'credentials_missing']);
  const hide = (text: string): string => values.hide(text);
  assert.deepEqual(withoutSecrets(failed('secret-of-mine', 'ask secret-of-mine', 'secret-of-mine'), hide), {
    verdict: 'failed',
    text: '(hidden)',
    remedy: 'ask (hidden)',
    token: '(hidden)',
  });
  assert.equal(withoutSecrets(failed('', '', 'credentials_missing'), hide).token, 'credentials_missing');
});

test('what a peer says is hidden as well where it is encoded twice', () => {
  const credentials = readCredentials({ header: [`x-key:${REMEMBERED}`] });
  assert.ok(typeof credentials !== 'string');
  const [encoded, ...rest] = Array.from(REMEMBERED, (letter) => letter);
  const once = `%${encoded.charCodeAt(0).toString(16)}${rest.join('')}`;
  for (const text of [REMEMBERED, once, once.replace('%', '%25')]) {
    const answer = emptyAnswer();
    readStatus({ 'grpc-status': '5', 'grpc-message': `no ${text}` }, answer, {
      credentials: credentials.headers,
    });
    assert.equal(answer.grpcMessage, 'no (hidden)', text);
  }
});
