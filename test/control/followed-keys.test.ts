// The keys of one issuer: when they are read, and what is published when they cannot be.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { KeysUpdate, PublicKey } from '../../src/config/public-keys.ts';
import { FollowedKeys } from '../../src/control/followed-keys.ts';
import { eventually } from '../support/eventually.ts';
import { silentLogger } from '../support/silent-logger.ts';

const ONE: PublicKey = { kty: 'OKP', crv: 'Ed25519', kid: 'one', x: 'AA' };

class Scene {
  nowMs = 0;
  keys: readonly PublicKey[] | Error = [ONE];
  reads = 0;
  readonly published: KeysUpdate[] = [];
  readonly followed: FollowedKeys;

  constructor(t: TestContext) {
    this.followed = new FollowedKeys(
      { kind: 'url', text: 'https://id.test/jwks.json' },
      {
        publish: (update) => this.published.push(update),
        logger: silentLogger,
        read: async () => {
          this.reads++;
          if (this.keys instanceof Error) throw this.keys;
          return this.keys;
        },
        fileEveryMs: () => undefined,
        now: () => this.nowMs,
      },
    );
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
