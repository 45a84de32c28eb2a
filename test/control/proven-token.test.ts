// The token of the admin server goes only to a server that has proven to know it.

import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { readEvents } from '../../src/cli/event-source.ts';
import { CHALLENGE_FIELD, PROOF_FIELD, proofOf, tokenDigest } from '../../src/config/token-proof.ts';
import type { AdminTarget } from '../../src/control/admin-target.ts';
import { askAdmin } from '../../src/control/ask-admin.ts';
import { listen } from '../edges/edge-under-test.ts';

const TOKEN = '0123456789abcdef-the-token';
const CHALLENGE = 'ab'.repeat(32);

interface Scene {
  readonly target: AdminTarget;
  /** The fields of all requests. */
  readonly seen: IncomingHttpHeaders[];
}

async function startServer(t: TestContext, answer: RequestListener): Promise<Scene> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    answer(request, response);
  });
  const port = await listen(t, server);
  const address = { kind: 'tcp', host: '127.0.0.1', port, text: `127.0.0.1:${port}` } as const;
  return { target: { address, token: TOKEN }, seen };
}

const THIEVES: readonly (readonly [what: string, answer: RequestListener])[] = [
  ['says nothing of it', (_request, response) => response.end('ok')],
  ['wants the token at once', (_request, response) => response.writeHead(401).end()],
  [
    'repeats the challenge',
    (request, response) => response.setHeader(PROOF_FIELD, request.headers[CHALLENGE_FIELD] ?? '').end(),
  ],
  [
    'has another token',
    (request, response) =>
      response
        .setHeader(PROOF_FIELD, proofOf(tokenDigest(`${TOKEN}x`), request.headers[CHALLENGE_FIELD]) ?? '')
        .end(),
  ],
  ['ends the connection', (request) => request.socket.destroy()],
];
for (const [what, answer] of THIEVES) {
  test(`a server that ${what} is not sent the token`, async (t) => {
    const { target, seen } = await startServer(t, answer);
    const signal = AbortSignal.timeout(30_000);
    await askAdmin(target, 'GET', '/api/config');
    await askAdmin(target, 'POST', '/api/drain');
    await readEvents({ admin: target, search: '', signal, onEvent: () => undefined });
    assert.ok(seen.length >= 3);
    assert.ok(seen.every(({ authorization }) => authorization === undefined));
  });
}

test('a server that knows the token is sent it, with each question', async (t) => {
  const { target, seen } = await startServer(t, (request, response) => {
    const proof = proofOf(tokenDigest(TOKEN), request.headers[CHALLENGE_FIELD]);
    if (proof !== undefined) response.setHeader(PROOF_FIELD, proof);
    response.end('{}');
  });
  assert.deepEqual(await askAdmin(target, 'POST', '/api/reload'), { status: 200, body: {} });
  assert.deepEqual(
    seen.map(({ authorization }) => authorization),
    [undefined, `Bearer ${TOKEN}`],
  );
});

test('without a token nothing is asked beforehand', async (t) => {
  const { target, seen } = await startServer(t, (_request, response) => response.end('{}'));
  await askAdmin({ address: target.address }, 'GET', '/api/config');
  assert.equal(seen.length, 1);
});

test('a proof depends on challenge and token, and what is no challenge has none', () => {
  const digest = tokenDigest(TOKEN);
  assert.notEqual(proofOf(digest, CHALLENGE), proofOf(digest, 'cd'.repeat(32)));
  assert.notEqual(proofOf(digest, CHALLENGE), proofOf(tokenDigest('another'), CHALLENGE));
  for (const none of [undefined, '', CHALLENGE.slice(1), `${CHALLENGE}0`, CHALLENGE.toUpperCase(), 5])
    assert.equal(proofOf(digest, none), undefined);
});
