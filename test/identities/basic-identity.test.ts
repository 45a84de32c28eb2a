// One identity by passwords: what is verified, and what its time tells.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmittedCall } from '../../src/calls/policy.ts';
import { parsePasswords } from '../../src/config/credential-lists.ts';
import type { BasicConfig } from '../../src/config/identity-config.ts';
import { isFault } from '../../src/config/problem.ts';
import type { PublicKey } from '../../src/config/public-keys.ts';
import { BasicIdentity } from '../../src/identities/basic-identity.ts';
import { isCaller, isRejection, type Verdict } from '../../src/identities/identity.ts';
import { KeySets } from '../../src/identities/key-sets.ts';
import { PasswordEntries } from '../../src/identities/password-entries.ts';
import { OF_PASSWORDS, Verifications } from '../../src/identities/verifications.ts';
import { standIn } from '../support/stand-in.ts';

/** By Python's hashlib: the password is "öpen sesame". */
const ALICE =
  'alice:$scrypt$ln=14,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$qSMu2CFr2+2+15PAi7rDh4Ri0f32mKsD8MNsBYDRJmU\n';
const CONFIG: BasicConfig = {
  kind: 'basic',
  name: 'people',
  keys: { kind: 'file', text: 'users', format: 'passwords' },
  subject: undefined,
};

function entriesOf(text: string): readonly PublicKey[] {
  const read = parsePasswords(text);
  assert.ok(!isFault(read));
  return read.keys;
}

class Scene {
  readonly verifications = new Verifications(OF_PASSWORDS, () => 0);
  readonly identity: BasicIdentity;
  readonly faults: unknown[] = [];
  readonly sets = new KeySets(() => 0);

  constructor(list: string, config: BasicConfig = CONFIG) {
    const { sets } = this;
    this.identity = new BasicIdentity(config, {
      keys: sets.of('users'),
      verifications: this.verifications,
      now: Date.now,
      onFault: (error) => this.faults.push(error),
    });
    sets.update({ source: 'users', keys: entriesOf(list) });
  }

  callWith(authorization: string): AdmittedCall {
    return standIn<AdmittedCall>({
      subject: standIn<AdmittedCall['subject']>({ clientKey: 'client' }),
      header: () => authorization,
    });
  }

  verify(authorization: string): Promise<Verdict> {
    return new Promise((resolve) => this.identity.verify(this.callWith(authorization), resolve));
  }
}

test('a password is verified once however its field is written, and only in one base64', async () => {
  const scene = new Scene(ALICE);
  const base64 = Buffer.from('alice:öpen sesame').toString('base64');
  assert.ok(isCaller(await scene.verify(`Basic ${base64}`)));
  for (const written of [`basic ${base64}`, `BASIC ${base64}`, `bAsIc    ${base64}`])
    assert.ok(isCaller(scene.identity.look(scene.callWith(written))), written);
  const others = [
    base64.replaceAll('=', ''),
    `${base64}=`,
    `${base64.slice(0, 4)} ${base64.slice(4)}`,
    `${base64}!`,
  ];
  for (const other of new Set(others)) {
    if (other === base64) continue;
    const refused = await scene.verify(`Basic ${other}`);
    assert.ok(isRejection(refused) && refused.sentence.includes('no name and password'), other);
  }
});

test('a password of an empty list is wrong, and nothing breaks', async () => {
  const scene = new Scene('# nobody\n');
  const refused = await scene.verify(`Basic ${Buffer.from('alice:x').toString('base64')}`);
  assert.ok(isRejection(refused) && refused.token === 'credentials_invalid');
  assert.deepEqual(scene.faults, []);
});

test('unknown names cost what the entries cost, in the same parts, and each name always the same', () => {
  const text = Array.from({ length: 100 }, (_, index) =>
    ALICE.replace('alice', `user-${index}`).replace('ln=14', index < 75 ? 'ln=14' : 'ln=16'),
  ).join('');
  const entries = new PasswordEntries(entriesOf(text));
  const costs = new Map<string | undefined, number>();
  for (let index = 0; index < 4000; index++) {
    const { entry, isListed } = entries.find(`unknown-${index}`);
    assert.equal(isListed, false);
    assert.equal(entries.find(`unknown-${index}`).entry, entry);
    const cost = entry?.['costLog'];
    costs.set(cost, (costs.get(cost) ?? 0) + 1);
  }
  const cheap = costs.get('14') ?? 0;
  assert.ok(cheap > 2700 && cheap < 3300, `${cheap} of 4000 are cheap`);
  assert.equal(cheap + (costs.get('16') ?? 0), 4000);
  const again = new PasswordEntries(entriesOf(text));
  assert.equal(again.find('unknown-1').entry?.['costLog'], entries.find('unknown-1').entry?.['costLog']);
  assert.deepEqual(again.find('user-80').entry?.['costLog'], '16');
});

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

test('a client does not answer for a list that was taken away while its passwords waited', async () => {
  const scene = new Scene(ALICE);
  // The first two run already; the others wait for their turn.
  const waiting = Array.from({ length: 16 }, (_, index) => scene.verify(basic('alice', `wrong ${index}`)));
  scene.sets.update({ source: 'users', keys: [], problem: 'ENOENT' });
  const verdicts = await Promise.all(waiting);
  const tokens = verdicts.map((verdict) => (isRejection(verdict) ? verdict.token : 'caller'));
  assert.deepEqual(tokens.slice(2), Array<string>(14).fill('keys_unavailable'));
  assert.deepEqual(scene.faults, []);
  // It may fail ten times. Two passwords were verified and wrong.
  scene.sets.update({ source: 'users', keys: entriesOf(ALICE) });
  assert.ok(isCaller(await scene.verify(basic('alice', 'öpen sesame'))));
});

test('a client does not answer for an entry that was taken away while its password was compared', async () => {
  const scene = new Scene(ALICE);
  const list = (text: string): void => scene.sets.update({ source: 'users', keys: entriesOf(text) });
  for (let index = 0; index < 12; index++) {
    const verdict = scene.verify(basic('alice', index === 0 ? 'öpen sesame' : `of tomorrow ${index}`));
    list(ALICE.replace('alice', 'bob'));
    assert.ok(isRejection(await verdict));
    list(ALICE);
  }
  assert.ok(isCaller(await scene.verify(basic('alice', 'öpen sesame'))));
});

test('a client does not answer for a fault of the proxy', async () => {
  let isBroken = false;
  const scene = new Scene(ALICE, {
    ...CONFIG,
    get subject(): string | undefined {
      if (isBroken) throw new Error('a fault');
      return undefined;
    },
  });
  isBroken = true;
  for (let index = 0; index < 12; index++)
    assert.ok(isRejection(await scene.verify(basic('alice', 'öpen sesame'))));
  assert.equal(scene.faults.length, 12);
  isBroken = false;
  assert.ok(isCaller(await scene.verify(basic('alice', 'öpen sesame'))));
});

test('a client does not answer for an empty list, however often it asks', async () => {
  const scene = new Scene('# nobody\n');
  for (let index = 0; index < 12; index++) {
    const refused = await scene.verify(basic('alice', String(index)));
    assert.ok(isRejection(refused) && refused.token === 'credentials_invalid', `${index}`);
  }
});

test('nobody is the user whose entry an unknown name is compared with', async () => {
  const scene = new Scene(ALICE);
  const refused = await scene.verify(basic('mallory', 'öpen sesame'));
  assert.ok(isRejection(refused) && refused.token === 'credentials_invalid');
});

test('a field of more than 2,048 characters is refused unread', async () => {
  const scene = new Scene(ALICE);
  const refused = await scene.verify(basic('alice', 'x'.repeat(2048)));
  assert.ok(isRejection(refused) && refused.sentence.includes('no name and password'));
});
