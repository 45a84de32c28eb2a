// Key sets read by HTTP and from files, from servers that answer well, badly and not at all.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readKeySet } from '../../src/sources/key-set-source.ts';
import { listen } from '../edges/edge-under-test.ts';
import { keySetText, signingKey } from '../support/token-issuer.ts';

async function serve(t: TestContext, answer: RequestListener): Promise<{ kind: 'url'; text: string }> {
  const server = createServer(answer);
  const port = await listen(t, server);
  return { kind: 'url', text: `http://127.0.0.1:${port}/jwks.json` };
}

test('a key set is read by HTTP', async (t) => {
  const text = keySetText([signingKey('one'), signingKey('two', 'EdDSA')]);
  const source = await serve(t, (_request, response) => response.end(text));
  assert.deepEqual(
    (await readKeySet(source)).keys.map(({ kid }) => kid),
    ['one', 'two'],
  );
});

const BAD: Readonly<Record<string, readonly [RequestListener, RegExp]>> = {
  'an error status': [(_request, response) => response.writeHead(404).end('{"keys":[]}'), /HTTP 404/],
  'a redirect': [(_request, response) => response.writeHead(302, { location: '/other' }).end(), /HTTP 302/],
  'a page': [(_request, response) => response.end('<html>'), /is no JSON/],
  'an endless answer': [
    (_request, response) => {
      const chunk = ' '.repeat(65_536);
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', write).on('error', () => undefined);
      write();
    },
    /more than 1048576 bytes/,
  ],
  'a connection that breaks': [(request) => request.socket.destroy(), /socket hang up|ECONNRESET/],
};

for (const [name, [answer, expected]] of Object.entries(BAD)) {
  test(`${name} in place of a key set is an error that says so`, async (t) => {
    await assert.rejects(readKeySet(await serve(t, answer)), expected);
  });
}

test('a key set is read from a file, and a missing file is an error', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-keys-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'jwks.json');
  await assert.rejects(readKeySet({ kind: 'file', text: file }), /ENOENT/);
  writeFileSync(file, keySetText([signingKey('one')]));
  assert.equal((await readKeySet({ kind: 'file', text: file })).keys.length, 1);
});
