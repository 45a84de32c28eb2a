// What peers repeat of the credentials that they are sent: no report shows it, however much of it they repeat, and where.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readCredentials } from '../../src/doctor/credentials.ts';
import { type CallWay, callGrpc, describeAnswer } from '../../src/doctor/grpc-call.ts';
import { withoutSecrets } from '../../src/doctor/hidden-values.ts';
import { holdStream } from '../../src/doctor/hold-stream.ts';
import { getByHttp1 } from '../../src/doctor/http1-look.ts';
import { diagnoseBroken, startHttp2 } from './patient.ts';

/** Longer than any text of a report. No part of it occurs elsewhere. */
const TOKEN = `eyJ${Array.from({ length: 300 }, (_, index) => `k${index}`).join('')}`;
const SHORT_TOKEN = 'secret-of-mine';
const PIECES = /k\d+k\d+/;

const sent = (...fields: readonly string[]): ReadonlyMap<string, string> =>
  new Map(fields.map((field) => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1)]));

const HIDDEN: readonly (readonly [says: string, text: string, wanted: string])[] = [
  ['a whole value', 'no: Bearer secret-of-mine!', 'no: (hidden)!'],
  ['a token without its scheme', 'bad token secret-of-mine.', 'bad token (hidden).'],
  ['several of them', 'secret-of-mine, a-key-of-mine, secret-of-mine', '(hidden), (hidden), (hidden)'],
  ['a value that begins as another', 'a-key-of-mine-too', '(hidden)'],
  ['nothing of a short value', 'HTTP/1.1 401 of 1', 'HTTP/1.1 401 of 1'],
];

for (const [says, text, wanted] of HIDDEN)
  test(`of a text is hidden: ${says}`, () => {
    const fields = sent(
      'authorization:Bearer secret-of-mine',
      'x-version:1',
      'a:a-key-of-mine',
      'b:a-key-of-mine-too',
    );
    assert.equal(withoutSecrets(text, fields), wanted);
  });

test('a token that a peer has cut off is hidden as far as it goes', () => {
  const fields = sent(`authorization:Bearer ${TOKEN}`);
  for (const size of [16, 17, 100, TOKEN.length])
    assert.equal(withoutSecrets(`bad ${TOKEN.slice(0, size)}…`, fields), 'bad (hidden)…', `${size}`);
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
