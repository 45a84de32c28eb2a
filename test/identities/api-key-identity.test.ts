// One identity by API keys: who is known, and who waits for the list.

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import type { AdmittedCall } from '../../src/calls/policy.ts';
import type { ApiKeyConfig } from '../../src/config/identity-config.ts';
import { ApiKeyIdentity } from '../../src/identities/api-key-identity.ts';
import { isCaller, isRejection, type Verdict } from '../../src/identities/identity.ts';
import { KeySets } from '../../src/identities/key-sets.ts';
import { Verifications } from '../../src/identities/verifications.ts';
import { standIn } from '../support/stand-in.ts';

class Scene {
  readonly sets = new KeySets(() => 0);
  readonly identity: ApiKeyIdentity;
  readonly verdicts: Verdict[] = [];

  constructor(header = 'x-api-key') {
    const keys = { kind: 'file', text: 'keys', format: 'api-keys' } as const;
    const config: ApiKeyConfig = { kind: 'apiKey', name: 'robots', header, keys, subject: 'x-robot' };
    this.identity = new ApiKeyIdentity(config, {
      keys: this.sets.of('keys'),
      verifications: new Verifications(),
      now: Date.now,
      onFault: assert.ifError,
    });
  }

  list(...keys: readonly string[]): void {
    const entries = keys.map((key, index) => ({ name: `robot ${index}`, hash: hash('sha256', key, 'hex') }));
    this.sets.update({ source: 'keys', keys: entries });
  }

  callWith(key: string | undefined, clientKey = 'client'): AdmittedCall {
    return standIn<AdmittedCall>({
      subject: standIn<AdmittedCall['subject']>({ clientKey }),
      header: (name) => (name === this.identity.wanted.split(' in ')[1]?.split(' ')[0] ? key : undefined),
    });
  }

  verify(key: string, clientKey?: string): () => void {
    return this.identity.verify(this.callWith(key, clientKey), (verdict) => void this.verdicts.push(verdict));
  }
}

test('a key of the list names its client, and the service is sent the name', () => {
  const scene = new Scene();
  scene.list('a', 'b');
  const caller = scene.identity.look(scene.callWith('b'));
  assert.ok(isCaller(caller));
  assert.equal(caller.subject, 'robot 1');
  const { list } = caller.fields;
  assert.deepEqual([list.names, list.values], [['x-robot'], ['robot 1']]);
  assert.equal(scene.identity.look(scene.callWith('b')), caller);
  assert.equal(scene.identity.look(scene.callWith(undefined)), undefined);
});

test('a key that is taken from the list is known no more', () => {
  const scene = new Scene();
  scene.list('a', 'b');
  assert.ok(isCaller(scene.identity.look(scene.callWith('b'))));
  scene.list('a');
  assert.ok(isRejection(scene.identity.look(scene.callWith('b'))));
});

test('the longest key has 4,096 characters', () => {
  const scene = new Scene();
  scene.list('a'.repeat(4096), 'b'.repeat(4097));
  assert.ok(isCaller(scene.identity.look(scene.callWith('a'.repeat(4096)))));
  assert.ok(isRejection(scene.identity.look(scene.callWith('b'.repeat(4097)))));
});

test('what is in authorization may be meant for another identity, what is in a header of its own may not', () => {
  for (const [header, text, isOfAnother] of [
    ['authorization', 'Bearer unknown', true],
    ['x-api-key', 'unknown', false],
  ] as const) {
    const scene = new Scene(header);
    scene.list('a');
    const rejection = scene.identity.look(scene.callWith(text));
    assert.ok(isRejection(rejection) && rejection.token === 'credentials_invalid');
    assert.equal(rejection.isOfAnother, isOfAnother);
  }
});

test('a challenge is for those who read authorization', () => {
  assert.equal(new Scene('authorization').identity.challenge, 'Bearer');
  assert.equal(new Scene('x-api-key').identity.challenge, '');
});

test('keys wait for the list, no more than 64 of one client, and others are not affected', () => {
  const scene = new Scene();
  assert.equal(scene.identity.look(scene.callWith('a')), 'later');
  const stops = Array.from({ length: 64 }, () => scene.verify('a'));
  assert.equal(scene.verdicts.length, 0);
  scene.verify('a');
  const refused = scene.verdicts.pop();
  assert.ok(
    isRejection(refused) && refused.token === 'keys_unavailable' && /too many/.test(refused.sentence),
  );
  scene.verify('a', 'another client');
  stops[0]?.();
  scene.verify('a');
  assert.equal(scene.verdicts.length, 0);
  scene.list('a');
  assert.equal(scene.verdicts.filter(isCaller).length, 65);
});
