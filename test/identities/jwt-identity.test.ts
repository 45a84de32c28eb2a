// One identity by tokens: what is verified when, how often, and what it waits for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmittedCall } from '../../src/calls/policy.ts';
import type { JwtConfig } from '../../src/config/identity-config.ts';
import { isFault } from '../../src/config/problem.ts';
import { parseKeySet } from '../../src/config/public-keys.ts';
import { isCaller, isRejection, type Verdict } from '../../src/identities/identity.ts';
import { JwtIdentity } from '../../src/identities/jwt-identity.ts';
import { KeySets } from '../../src/identities/key-sets.ts';
import { OF_SIGNATURES, Verifications } from '../../src/identities/verifications.ts';
import { eventually } from '../support/eventually.ts';
import { standIn } from '../support/stand-in.ts';
import {
  claimsFor,
  forged,
  ISSUER,
  keySetText,
  type SigningKey,
  signingKey,
  signToken,
} from '../support/token-issuer.ts';

const SOURCE = 'https://id.test/jwks.json';
const CONFIG: JwtConfig = {
  kind: 'jwt',
  name: 'office',
  issuer: ISSUER,
  audience: ['voice'],
  keys: { kind: 'url', text: SOURCE },
  header: 'authorization',
  algorithms: ['ES256', 'RS256', 'EdDSA'],
  clockSkewMs: 0,
  claims: new Map(),
};

class Scene {
  monotonicMs = 0;
  epochMs = Date.now();
  /** Called when a verification asks for the time: when it begins, and when its signature is about to be checked. */
  onNow: () => void = () => undefined;
  /** How often newer keys were asked for. */
  asked = 0;
  readonly faults: unknown[] = [];
  readonly sets = new KeySets(() => this.monotonicMs);
  readonly verifications = new Verifications(OF_SIGNATURES, () => this.monotonicMs);
  readonly identity: JwtIdentity;

  constructor(config: Partial<JwtConfig> = {}) {
    this.sets.onWanted = () => this.asked++;
    this.identity = new JwtIdentity(
      { ...CONFIG, ...config },
      {
        keys: this.sets.of(SOURCE),
        verifications: this.verifications,
        now: () => {
          this.onNow();
          return this.epochMs;
        },
        onFault: (error) => this.faults.push(error),
      },
    );
  }

  publish(...keys: readonly SigningKey[]): void {
    const parsed = parseKeySet(keySetText(keys));
    assert.ok(!isFault(parsed));
    this.sets.update({ source: SOURCE, keys: parsed.keys });
  }

  verify(token: string, client = 'client'): Promise<Verdict> {
    const call = callWith(token, client);
    assert.equal(this.identity.look(call), 'later');
    return new Promise((resolve) => this.identity.verify(call, resolve));
  }
}

function callWith(token: string, clientKey = 'client'): AdmittedCall {
  const subject = standIn<AdmittedCall['subject']>({ clientKey });
  return standIn<AdmittedCall>({
    subject,
    header: (name) => (name === 'authorization' ? `Bearer ${token}` : undefined),
  });
}

for (const algorithm of ['ES256', 'RS256', 'EdDSA'] as const) {
  test(`a token with ${algorithm} is verified once, and known until it expires`, async () => {
    const scene = new Scene();
    const key = signingKey('one', algorithm);
    scene.publish(key);
    const token = signToken(key, claimsFor('alice', 60));
    const verdict = await scene.verify(token);
    assert.ok(isCaller(verdict));
    assert.deepEqual([verdict.subject, verdict.text], ['alice', 'office:alice']);
    assert.equal(scene.identity.look(callWith(token)), verdict);
    scene.epochMs = verdict.expiresAtMs;
    assert.equal(scene.identity.look(callWith(token)), 'later');
    const expired = await scene.verify(token);
    assert.ok(isRejection(expired) && expired.told === 'the token has expired');
  });
}

test('a token is verified again after five minutes', async () => {
  const scene = new Scene();
  const key = signingKey('one');
  scene.publish(key);
  const token = signToken(key, claimsFor('alice', 3600));
  await scene.verify(token);
  scene.epochMs += 299_000;
  assert.ok(isCaller(scene.identity.look(callWith(token))));
  scene.epochMs += 2000;
  assert.equal(scene.identity.look(callWith(token)), 'later');
});

test('a token of a key that the issuer has removed is known no more', async () => {
  const scene = new Scene();
  const [one, two] = [signingKey('one'), signingKey('two')];
  scene.publish(one, two);
  const tokens = [one, two].map((key) => signToken(key, claimsFor('alice')));
  for (const token of tokens) await scene.verify(token);
  scene.publish(two, signingKey('three'));
  scene.monotonicMs += 1000;
  assert.equal(scene.identity.look(callWith(tokens[0])), 'later');
  assert.ok(isRejection(await scene.verify(tokens[0])));
  assert.ok(isCaller(await scene.verify(tokens[1])));
});

test('a key that is taken away while the signature is checked lets nobody in, and its client does not answer for it', async () => {
  const scene = new Scene();
  const [one, two] = [signingKey('one'), signingKey('two')];
  // A client may fail 50 times.
  for (let index = 0; index < 60; index++) {
    scene.publish(one, two);
    const token = signToken(one, claimsFor(`alice ${index}`));
    const verdict = scene.verify(token);
    // From now on the time is asked for when the signature is checked.
    scene.onNow = () => queueMicrotask(() => scene.publish(two));
    const refused = await verdict;
    scene.onNow = () => undefined;
    assert.ok(isRejection(refused) && refused.told === undefined, `${index}`);
    assert.match(refused.sentence, /key 'one' for ES256 is not among/);
    assert.equal(scene.identity.look(callWith(token)), 'later', 'nor is it known afterwards');
  }
  assert.ok(isCaller(await scene.verify(signToken(two, claimsFor('alice')))));
});

test('a key that is taken away while the signature is checked concerns no token of another key', async () => {
  const scene = new Scene();
  const [one, two] = [signingKey('one'), signingKey('two')];
  scene.publish(one, two);
  const token = signToken(two, claimsFor('alice'), { kid: undefined });
  const verdict = scene.verify(token);
  scene.onNow = () => queueMicrotask(() => scene.publish(two));
  assert.ok(isCaller(await verdict));
  assert.ok(isCaller(scene.identity.look(callWith(token))), 'it was verified by the keys that there are now');
});

test('a client does not answer for a key that was taken away while its tokens waited', async () => {
  const scene = new Scene();
  const [one, two] = [signingKey('one'), signingKey('two')];
  scene.publish(one, two);
  const waiting = Array.from({ length: 60 }, (_, index) =>
    scene.verify(signToken(one, claimsFor(`alice ${index}`))),
  );
  scene.publish(two);
  assert.ok((await Promise.all(waiting)).every(isRejection));
  assert.ok(isCaller(await scene.verify(signToken(two, claimsFor('alice')))));
});

test('a client does not answer for a fault of the proxy', async () => {
  const broken = new (class extends Map<string, string> {
    isBroken = true;
    override [Symbol.iterator](): MapIterator<[string, string]> {
      if (this.isBroken) throw new Error('a fault');
      return super[Symbol.iterator]();
    }
  })();
  const scene = new Scene({ claims: broken });
  const key = signingKey('one');
  scene.publish(key);
  for (let index = 0; index < 60; index++) {
    const refused = await scene.verify(signToken(key, claimsFor(`alice ${index}`)));
    assert.ok(isRejection(refused));
    assert.match(refused.sentence, /the log says why/);
  }
  assert.equal(scene.faults.length, 60);
  broken.isBroken = false;
  assert.ok(isCaller(await scene.verify(signToken(key, claimsFor('alice')))));
});

test('calls with the same new token share one verification, and one that gives up takes nothing from the others', async () => {
  const scene = new Scene();
  const key = signingKey('one');
  const token = signToken(key, claimsFor('alice'));
  const verdicts: Verdict[] = [];
  const stops = Array.from({ length: 1000 }, () =>
    scene.identity.verify(callWith(token), (verdict) => verdicts.push(verdict)),
  );
  assert.equal(scene.asked, 1, 'the keys are wanted once');
  for (const stop of stops.slice(0, 500)) stop();
  const last = scene.verify(token);
  scene.publish(key);
  assert.ok(isCaller(await last));
  assert.equal(verdicts.length, 500);
  assert.ok(verdicts.every(isCaller));
});

test('a token with an unknown key waits for newer keys, and those after it are refused for half a minute', async () => {
  const scene = new Scene();
  const [one, two] = [signingKey('one'), signingKey('two')];
  scene.publish(one);
  scene.monotonicMs += 30_000;
  const waiting = scene.verify(signToken(two, claimsFor('bob')));
  assert.equal(scene.asked, 1);
  scene.publish(one, two);
  assert.ok(isCaller(await waiting));
  const invented = () => signToken(one, claimsFor('eve'), { kid: `invented ${Math.random()}` });
  const refused = await scene.verify(invented());
  assert.ok(isRejection(refused) && refused.token === 'credentials_invalid', 'at once');
  assert.equal(scene.asked, 1);
  scene.monotonicMs += 30_000;
  const next = scene.verify(invented());
  assert.equal(scene.asked, 2);
  scene.publish(one, two);
  assert.ok(isRejection(await next));
});

test('a client that sends nothing but new forged tokens is refused without verifying, and others are not', async () => {
  const scene = new Scene();
  const key = signingKey('one');
  scene.publish(key);
  const results: string[] = [];
  for (let index = 0; index < 60; index++) {
    const verdict = await scene.verify(forged(signToken(key, claimsFor(`eve ${index}`))), 'attacker');
    results.push(isCaller(verdict) ? 'caller' : verdict.token);
  }
  assert.equal(results.filter((token) => token === 'credentials_invalid').length, 50);
  assert.deepEqual(results.slice(50), Array(10).fill('verification_limited'));
  const good = signToken(key, claimsFor('alice'));
  const limited = await scene.verify(good, 'attacker');
  assert.ok(isRejection(limited));
  assert.ok(isCaller(await scene.verify(good, 'honest')));
  assert.ok(isCaller(scene.identity.look(callWith(good, 'attacker'))), 'a known token needs no verifying');
});

test('without a name of a key, every fitting key is tried', async () => {
  const scene = new Scene();
  const keys = ['one', 'two', 'three'].map((kid) => signingKey(kid));
  scene.publish(...keys);
  assert.ok(isCaller(await scene.verify(signToken(keys[2], claimsFor('alice'), { kid: undefined }))));
});

test('a key set with a secret, a weak key or a private key keeps what verifies, and no private part', () => {
  const pair = signingKey('pair');
  const jwk = pair.privateKey.export({ format: 'jwk' });
  const set = {
    keys: [{ kty: 'oct', k: 'AAAA', kid: 'secret' }, { ...jwk, kid: 'pair' }, { ...jwk, use: 'enc' }, null],
  };
  const read = parseKeySet(JSON.stringify(set));
  assert.ok(!isFault(read));
  const { keys } = read;
  assert.deepEqual(
    keys.map(({ kid }) => kid),
    ['pair'],
  );
  assert.equal('d' in keys[0], false);
  for (const text of ['', '[]', '{}', '{"keys":{}}']) assert.ok(isFault(parseKeySet(text)), text);
  const unusable = parseKeySet('{"keys":[{"kty":"oct","k":"AAAA"}]}');
  assert.ok(!isFault(unusable) && unusable.keys.length === 0);
  assert.equal(unusable.leftOut.length, 1);
  assert.deepEqual(parseKeySet('{"keys":[]}'), { keys: [], leftOut: [] });
});

test('an authorization of another scheme is no token', () => {
  const scene = new Scene();
  const call = standIn<AdmittedCall>({ header: () => 'Basic dTpw' });
  assert.equal(scene.identity.look(call), undefined);
});

test('tokens that wait for keys take no place of other identities, and too many of them are refused with the reason', async () => {
  const scene = new Scene();
  const key = signingKey('one');
  const verdicts: Verdict[] = [];
  const wait = (client: string): (() => void) =>
    scene.identity.verify(
      callWith(signToken(key, claimsFor(`${client} ${Math.random()}`)), client),
      (verdict) => verdicts.push(verdict),
    );
  const stops = Array.from({ length: 65 }, () => wait('one'));
  assert.deepEqual(
    verdicts.map((verdict) => isRejection(verdict) && verdict.token),
    ['keys_unavailable'],
    'the last of a client with 64',
  );
  for (let client = 0; client < 15; client++)
    for (let index = 0; index < 64; index++) wait(`client ${client}`);
  assert.equal(verdicts.length, 1);
  wait('another');
  assert.equal(verdicts.length, 2);
  assert.equal(scene.verifications.tickets, 0);
  for (const stop of stops) stop();
  wait('another');
  assert.equal(verdicts.length, 2, 'one that gives up leaves its place to another');
  scene.publish(key);
  await eventually('all verdicts', () => verdicts.length === 2 + 15 * 64 + 1);
  assert.ok(verdicts.slice(2).every(isCaller));
  assert.equal(scene.verifications.tickets, 0);
});

test('a large list is compared with the one before in little time, and a removed key is forgotten', () => {
  const sets = new KeySets(() => 0);
  const set = sets.of('keys.txt');
  const entries = Array.from({ length: 20_000 }, (_, index) => ({
    name: `partner ${index}`,
    hash: index.toString(16).padStart(64, '0'),
  }));
  sets.update({ source: 'keys.txt', keys: entries });
  const [first] = set.keys;
  let compared = 0;
  const counted = entries.slice(0, -1).map((one) => {
    const toJSON = (): object => {
      compared++;
      return one;
    };
    return Object.defineProperty({ ...one }, 'toJSON', { value: toJSON, enumerable: false });
  });
  sets.update({ source: 'keys.txt', keys: counted });
  assert.ok(compared <= 2 * counted.length, `${compared} comparisons`);
  assert.equal(set.keys[0], first, 'a key that stays is the same object');
  assert.equal(set.removals, 1);
  assert.ok(!set.has(entries[19_999]));
});

test('a key of another type with the curve of the algorithm is not tried', async () => {
  const scene = new Scene();
  const [stray, good] = [signingKey('stray', 'RS256'), signingKey('good')];
  const text = keySetText([stray, good]).replace('"kty":"RSA"', '"kty":"RSA","crv":"P-256"');
  const read = parseKeySet(text);
  assert.ok(!isFault(read) && text.includes('"kty":"RSA","crv"'));
  assert.equal('crv' in read.keys[0], false);
  // As another process may have published it.
  scene.sets.update({
    source: SOURCE,
    keys: [{ ...read.keys[0], alg: 'ES256', crv: 'P-256' }, read.keys[1]],
  });
  assert.ok(isCaller(await scene.verify(signToken(good, claimsFor('alice'), { kid: undefined }))));
});

test('a token without an end is refused', async () => {
  const scene = new Scene();
  const key = signingKey('one');
  scene.publish(key);
  for (const exp of [253_402_300_800, 1e308]) {
    const refused = await scene.verify(signToken(key, { ...claimsFor('alice'), exp }));
    assert.ok(isRejection(refused) && refused.sentence.includes('no date'), String(exp));
  }
  const [head, , signature] = signToken(key, claimsFor('alice')).split('.');
  const payload = JSON.stringify({ ...claimsFor('alice'), exp: 'END' }).replace('"END"', '1e400');
  const endless = `${head}.${Buffer.from(payload).toString('base64url')}.${signature}`;
  const refused = await scene.verify(endless);
  assert.ok(isRejection(refused) && refused.sentence.includes('no date'));
});

test('a token has one spelling, so that it is verified once', async () => {
  const scene = new Scene();
  const key = signingKey('one');
  scene.publish(key);
  const token = signToken(key, claimsFor('alice'));
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = letters[letters.indexOf(token.at(-1) ?? '') + 1];
  for (const other of [`${token}=`, `${token.slice(0, -1)}${last}`, token.replace('.', '.!')])
    assert.ok(isRejection(await scene.verify(other)), other);
  assert.ok(isCaller(await scene.verify(token)));
});

test('a token that names no key is tried with four keys at most', async () => {
  const scene = new Scene();
  const keys = ['one', 'two', 'three', 'four', 'five'].map((kid) => signingKey(kid));
  scene.publish(...keys);
  const signedBy = (index: number): Promise<Verdict> =>
    scene.verify(signToken(keys[index], claimsFor(`user ${index}`), { kid: undefined }));
  assert.ok(isCaller(await signedBy(3)));
  const refused = await signedBy(4);
  assert.ok(isRejection(refused));
  assert.match(refused.sentence, /none of the keys$/);
  assert.ok(isCaller(await scene.verify(signToken(keys[4], claimsFor('named')))));
});
