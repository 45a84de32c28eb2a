// The guesses agree with the checks above them: what a check has found convicts one guess, and clears none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckReport } from '../../src/doctor/check.ts';
import { freePort } from '../support/free-port.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { diagnose, startHttp1, startHttp2, startTls } from './patient.ts';

test('a target that cannot reach its service convicts the upstream, and not the path', async (t) => {
  const target = await startHttp2(t, (stream) => {
    stream.respond(
      { ':status': 502, 'content-type': 'text/html', server: 'nginx/1.22.1' },
      { endStream: true },
    );
  });
  const guesses = guessesOf(await diagnose(t, { target }));
  assert.match(
    guesses.get('guesses.upstream') ?? '',
    /^failed yes: nginx\/1\.22\.1 .* cannot reach the service/,
  );
  assert.equal(
    guesses.get('guesses.path'),
    'ok no: HTTP/2 begins as it should (1 check; 2 checks could not tell)',
  );
});

test('a target that speaks HTTP/1.1 convicts the preface', async (t) => {
  const guesses = guessesOf(await diagnose(t, { target: await startHttp1(t) }));
  assert.match(guesses.get('guesses.path') ?? '', /^failed yes: .* answers HTTP\/2 by HTTP\/1\.1/);
  assert.match(guesses.get('guesses.upstream') ?? '', /^skipped not known/);
});

test('a target that refuses connections clears nothing', async (t) => {
  const guesses = guessesOf(await diagnose(t, { target: `127.0.0.1:${await freePort()}` }));
  for (const id of ['guesses.path', 'guesses.tls', 'guesses.versions', 'guesses.upstream'])
    assert.match(guesses.get(id) ?? '', /^skipped not known/, id);
});

test('where nothing has failed no guess is said to be open', async (t) => {
  const guesses = guessesOf(await diagnose(t, { target: (await startDemo(t)).address }));
  assert.equal(
    guesses.get('guesses.upstream'),
    'skipped nothing speaks for it: no check has failed, and no check of an endpoint of a configuration has passed',
  );
  assert.match(guesses.get('guesses.versions') ?? '', /^skipped nothing speaks for it: no check has failed/);
  for (const guess of guesses.values()) assert.doesNotMatch(guess, /not known/);
});

test('a target that relays calls is cleared of the path', async (t) => {
  const guesses = guessesOf(await diagnose(t, { target: (await startDemo(t)).address }));
  assert.match(guesses.get('guesses.path') ?? '', /^ok no: .* each path that was tried leads to its service/);
});

test('what grpc-go thinks of TLS without ALPN is told only where a port lacks it', async (t) => {
  const remarks = async (target: string): Promise<readonly string[]> =>
    (await diagnose(t, { target })).flatMap(({ findings }) =>
      findings.map(({ text }) => text).filter((text) => text.includes('grpc-go')),
    );
  assert.deepEqual(await remarks((await startDemo(t)).address), []);
  const withoutHttp2 = await startTls(t, ['http/1.1'], 'localhost', '127.0.0.1');
  assert.equal((await remarks(withoutHttp2.address)).length, 1);
});

function guessesOf(reports: readonly CheckReport[]): ReadonlyMap<string, string> {
  return new Map(
    reports
      .filter(({ group }) => group === 'guesses')
      .map(({ id, verdict, findings }) => [id, `${verdict} ${findings[0]?.text ?? ''}`]),
  );
}
