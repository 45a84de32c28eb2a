// What stands at the address of the admin server may be any program: each question has an answer or a sentence.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { askAdmin } from '../../src/control/ask-admin.ts';

for (const [what, answer, wanted] of [
  ['an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', { status: 200, body: {} }],
  ['text', 'HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nno\n', { status: 503, body: 'no' }],
  [
    'another protocol that is accepted',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nmore',
    /gave no answer, so nothing is known of what it did/,
  ],
  ['no HTTP', 'SSH-2.0-x\r\n', /is no admin server: it does not speak HTTP\/1\.1$/],
  [
    'an answer that is cut',
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{',
    /could not be asked: |gave no answer/,
  ],
] as const)
  test(`a question is settled by ${what}`, async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // A connection that was switched stays open, as that of a real service would.
      socket.once('data', () => (answer.includes(' 101 ') ? socket.write(answer) : socket.end(answer)));
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const bound = server.address();
    assert.ok(bound !== null && typeof bound === 'object');
    const { port } = bound;
    const got = await askAdmin(
      { address: { kind: 'tcp', host: '127.0.0.1', port, text: `127.0.0.1:${port}` } },
      'GET',
      '/x',
    );
    if (!(wanted instanceof RegExp)) assert.deepEqual(got, wanted);
    else assert.match(typeof got === 'string' ? got : JSON.stringify(got), wanted);
  });
