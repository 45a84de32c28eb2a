// The keys of one issuer: when they are read, and what is published when they cannot be.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type KeySource, keySetName } from '../../src/config/identity-config.ts';
import type { KeysUpdate, LeftOut, PublicKey } from '../../src/config/public-keys.ts';
import { FollowedKeys } from '../../src/control/followed-keys.ts';
import { eventually } from '../support/eventually.ts';
import { silentLogger } from '../support/silent-logger.ts';

const ONE: PublicKey = { kty: 'OKP', crv: 'Ed25519', kid: 'one', x: 'AA' };

class Scene {
  nowMs = 0;
  keys: readonly PublicKey[] | Error = [ONE];
  leftOut: readonly LeftOut[] = [];
  readonly log: string[] = [];
  readonly identities: unknown[] = [];
  readonly sources: unknown[] = [];
  reads = 0;
  readonly published: KeysUpdate[] = [];
  readonly followed: FollowedKeys;

  constructor(t: TestContext, source: KeySource = { kind: 'url', text: 'https://id.test/jwks.json' }) {
    const note = (fields: object, message: string): void => {
      this.identities.push(Reflect.get(fields, 'identity'));
      this.sources.push(Reflect.get(fields, 'source'));
      this.log.push(`${message} ${'problem' in fields ? String(fields.problem) : ''}`.trim());
    };
    this.followed = new FollowedKeys(source, {
      publish: (update) => this.published.push(update),
      logger: { ...silentLogger, info: note, warn: note, error: note },
      read: async () => {
        this.reads++;
        if (this.keys instanceof Error) throw this.keys;
        return { keys: this.keys, leftOut: this.leftOut };
      },
      identities: () => ['office', 'guests'],
      fileEveryMs: () => undefined,
      now: () => this.nowMs,
    });
    t.after(() => this.followed.close());
  }
}

test('keys that were read stay in use while they cannot be read again', async (t) => {
  const scene = new Scene(t);
  await scene.followed.read();
  scene.keys = new Error('was answered with HTTP 503');
  await scene.followed.read();
  assert.deepEqual(scene.published.at(-1), {
    source: 'https://id.test/jwks.json',
    keys: [ONE],
    problem: 'was answered with HTTP 503',
  });
  scene.keys = [{ ...ONE, kid: 'two' }];
  await scene.followed.read();
  assert.deepEqual(scene.published.at(-1)?.keys, [{ ...ONE, kid: 'two' }]);
  assert.equal(scene.published.at(-1)?.problem, undefined);
});

test('the log and the report name the identity, and say why its keys cannot be read', async (t) => {
  const scene = new Scene(t);
  scene.keys = new Error('was answered with HTTP 503');
  await scene.followed.read();
  assert.deepEqual(scene.identities, ['office, guests']);
  const source = 'https://id.test/jwks.json';
  assert.deepEqual(scene.followed.report, { source, keys: 0, reason: 'was answered with HTTP 503' });
  scene.keys = [ONE];
  await scene.followed.read();
  assert.deepEqual(scene.followed.report, { source, keys: 1 });
});

test('the query of a URL is in neither the log nor the report', async (t) => {
  const scene = new Scene(t, { kind: 'url', text: 'https://id.test/jwks.json?code=c0rrect-h0rse' });
  for (const keys of [new Error('was answered with HTTP 503'), [ONE]]) {
    scene.keys = keys;
    await scene.followed.read();
    assert.equal(scene.followed.report.source, 'https://id.test/jwks.json?[redacted]');
  }
  assert.deepEqual(scene.sources, Array(2).fill('https://id.test/jwks.json?[redacted]'));
});

test('because of unknown keys an issuer is asked once in half a minute, and whoever waits is answered', async (t) => {
  const scene = new Scene(t);
  await scene.followed.read();
  scene.nowMs = 29_999;
  for (let index = 0; index < 10; index++) scene.followed.lookAgain();
  assert.deepEqual([scene.reads, scene.published.length], [1, 11]);
  scene.nowMs = 30_000;
  scene.followed.lookAgain();
  scene.followed.lookAgain();
  await eventually('the keys that were read again', () => scene.published.length === 12);
  assert.equal(scene.reads, 2);
});

test('a closed source is read and published no more', async (t) => {
  const scene = new Scene(t);
  const reading = scene.followed.read();
  scene.followed.close();
  await reading;
  await scene.followed.read();
  assert.deepEqual([scene.reads, scene.published.length], [1, 0]);
});

test('reads and failures are counted, and the age is that of the keys in use', async (t) => {
  const scene = new Scene(t);
  assert.equal(scene.followed.ageMs, undefined);
  scene.keys = new Error('was answered with HTTP 503');
  await scene.followed.read();
  assert.deepEqual([scene.followed.counts, scene.followed.ageMs], [{ read: 0, failed: 1 }, undefined]);
  scene.keys = [ONE];
  scene.nowMs = 1000;
  await scene.followed.read();
  scene.keys = new Error('was answered with HTTP 503');
  scene.nowMs = 61_000;
  await scene.followed.read();
  assert.deepEqual([scene.followed.counts, scene.followed.ageMs], [{ read: 1, failed: 2 }, 60_000]);
});

const FILE: KeySource = { kind: 'file', text: '/nowhere/keys.txt', format: 'api-keys' };
const missing = (): Error => Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });

for (const source of [FILE, { kind: 'url', text: 'https://id.test/jwks.json' } as const]) {
  test(`a ${source.kind} with an empty list takes all keys away, once it has said so twice`, async (t) => {
    const scene = new Scene(t, source);
    await scene.followed.read();
    scene.keys = [];
    await scene.followed.read();
    assert.deepEqual(scene.published.at(-1)?.keys, [ONE], 'the file may just be written anew');
    scene.nowMs += 500;
    await scene.followed.read();
    assert.deepEqual(scene.published.at(-1)?.keys, [ONE]);
    scene.nowMs += 500;
    await scene.followed.read();
    assert.deepEqual(scene.published.at(-1), { source: keySetName(source), keys: [] });
    assert.match(scene.log.at(-1) ?? '', /is empty/);
    scene.keys = [ONE];
    await scene.followed.read();
    assert.deepEqual(scene.published.at(-1)?.keys, [ONE]);
  });
}

test('a file that is gone takes all keys away after a second, and one that is replaced does not', async (t) => {
  const scene = new Scene(t, FILE);
  await scene.followed.read();
  scene.keys = missing();
  await scene.followed.read();
  assert.deepEqual(scene.published.at(-1), { source: keySetName(FILE), keys: [ONE] });
  scene.keys = [{ ...ONE, kid: 'two' }];
  scene.nowMs += 1000;
  await scene.followed.read();
  assert.deepEqual(scene.published.at(-1)?.keys, scene.keys);
  scene.keys = missing();
  await scene.followed.read();
  scene.nowMs += 1000;
  await scene.followed.read();
  assert.deepEqual(scene.published.at(-1), {
    source: keySetName(FILE),
    keys: [],
    problem: 'ENOENT: no such file',
  });
  assert.match(scene.log.at(-1) ?? '', /cannot be recognised/);
});

test('a file that cannot be read for another reason keeps its keys', async (t) => {
  const scene = new Scene(t, FILE);
  await scene.followed.read();
  scene.keys = Object.assign(new Error('EACCES'), { code: 'EACCES' });
  for (let index = 0; index < 3; index++) {
    await scene.followed.read();
    scene.nowMs += 1000;
  }
  assert.deepEqual(scene.published.at(-1), { source: keySetName(FILE), keys: [ONE], problem: 'EACCES' });
});

test('the good lines of a list take effect at once, and the log names the others once', async (t) => {
  const scene = new Scene(t, FILE);
  await scene.followed.read();
  scene.keys = [{ ...ONE, kid: 'two' }];
  scene.leftOut = [{ line: 2, message: 'cannot be read' }];
  await scene.followed.read();
  await scene.followed.read();
  assert.deepEqual(scene.published.at(-1), { source: keySetName(FILE), keys: scene.keys });
  assert.deepEqual(
    scene.log.filter((line) => line.includes('entries')),
    [
      'a list of an identity has entries that cannot be used; only the others are in use /nowhere/keys.txt:2 cannot be read',
    ],
  );
});
