// How `access` judges a call when some of its credentials cannot be judged, or have expired.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddedFields } from '../../../src/calls/added-fields.ts';
import type { Caller } from '../../../src/calls/caller.ts';
import type { Failure } from '../../../src/calls/failure.ts';
import type { AdmittedCall } from '../../../src/calls/policy.ts';
import type { AccessConfig, AccessRuleConfig } from '../../../src/config/identity-config.ts';
import { type Identity, type Look, limited, type Verdict } from '../../../src/identities/identity.ts';
import { AccessPolicy } from '../../../src/policies/access/access-policy.ts';
import { standIn } from '../../support/stand-in.ts';

const NO_KEYS: Verdict = { token: 'keys_unavailable', sentence: 'there are no keys' };

function caller(identity: string, subject: string, expiresAtMs = Number.POSITIVE_INFINITY): Caller {
  const text = `${identity}:${subject}`;
  return { identity, subject, text, key: text, claims: {}, fields: AddedFields.NONE, expiresAtMs };
}

function rule(given: Partial<AccessRuleConfig>): AccessRuleConfig {
  const nothing = { identity: undefined, subject: undefined, claim: undefined };
  return { ...nothing, client: undefined, method: undefined, ...given };
}

/** Answers `look` with what it was given last, and `verify` when it is told. */
class KnownIdentity implements Identity {
  readonly name: string;
  readonly wanted = 'something';
  readonly challenge = '';
  readonly adds: readonly string[];
  known: Look;
  tell: ((verdict: Verdict) => void) | undefined = undefined;

  constructor(name: string, known: Look, adds: readonly string[] = []) {
    this.name = name;
    this.known = known;
    this.adds = adds;
  }

  look(): Look {
    return this.known;
  }

  shownInstead(): undefined {
    return undefined;
  }

  verify(_call: AdmittedCall, done: (verdict: Verdict) => void): () => void {
    this.tell = done;
    return () => {
      this.tell = undefined;
    };
  }
}

class Scene {
  outcome: string | undefined = undefined;
  refusal: Failure | undefined = undefined;
  reviewAtMs: number | undefined = undefined;
  review: () => Failure | undefined = () => undefined;
  /** The call ends before the review. */
  drop: () => void = () => undefined;
  readonly call: AdmittedCall;

  constructor(access: Partial<AccessConfig>, ...identities: readonly Identity[]) {
    this.call = standIn<AdmittedCall>({
      subject: standIn<AdmittedCall['subject']>({ method: '/voice.Voice/Say' }),
      clientAddress: '192.0.2.1',
      identify: () => undefined,
      addFields: () => undefined,
      reviewLater: (review) => {
        this.reviewAtMs = review.atEpochMs;
        this.review = () => review.review();
        this.drop = () => review.dropped?.();
      },
    });
    const whole = { require: [], allow: undefined, deny: [], onExpiry: 'end', ...access } as const;
    new AccessPolicy(whole, identities, new Set()).ask(this.call, {
      admit: () => {
        this.outcome ??= 'admitted';
      },
      refuse: (failure) => {
        this.outcome ??= failure.token;
        this.refusal ??= failure;
      },
    });
  }
}

const good = (): KnownIdentity => new KnownIdentity('machines', caller('machines', 'edge-1'));

test('credentials that could not be judged refuse the call if a rule of deny could depend on them', () => {
  const deny = [rule({ subject: ['mallory'] })];
  for (const [verdict, token] of [
    [NO_KEYS, 'keys_unavailable'],
    [limited('failures'), 'verification_limited'],
    [limited('all'), 'verification_limited'],
  ] as const) {
    const access = { require: ['machines', 'office'], deny };
    assert.equal(new Scene(access, good(), new KnownIdentity('office', verdict)).outcome, token);
  }
});

test('credentials that could not be judged refuse nothing if no rule depends on them', () => {
  const cases: readonly (readonly [Partial<AccessConfig>, string])[] = [
    [{ require: ['machines', 'office'] }, 'admitted'],
    [{ require: ['machines'], deny: [rule({ identity: ['machines'], subject: ['x'] })] }, 'admitted'],
    [{ require: ['machines'], deny: [rule({ subject: ['mallory'] })] }, 'admitted'],
    [{ require: ['machines', 'office'], deny: [rule({ subject: ['x'], method: ['/other*'] })] }, 'admitted'],
    [{ require: ['machines'], deny: [rule({ client: ['10.0.0.0/8'] })] }, 'admitted'],
    [{ allow: [rule({ subject: ['edge-*'] }), rule({ identity: ['office'] })] }, 'admitted'],
    [{ require: ['machines'], deny: [rule({ subject: ['edge-1'] })] }, 'access_denied'],
    [{ allow: [rule({ identity: ['machines'], subject: ['x'] })] }, 'access_denied'],
  ];
  for (const [access, outcome] of cases)
    assert.equal(new Scene(access, good(), new KnownIdentity('office', NO_KEYS)).outcome, outcome);
});

test('a refused client has in its record which criteria of each rule do not hold', () => {
  const allow = [
    rule({ identity: ['office'] }),
    rule({ identity: ['machines'], subject: ['x', 'y-*'], client: ['192.0.2.0/24'] }),
    rule({ claim: new Map([['team', ['blue']]]), client: ['10.0.0.0/8'], method: ['/other.Other/*'] }),
  ];
  const { onlyForLog } = new Scene({ allow }, good()).refusal ?? {};
  assert.match(
    onlyForLog ?? '',
    /no rule of allow holds \(allow\[0\]: identity; allow\[1\]: subject; allow\[2\]: claim team, client, method\) for machines:/,
  );
});

test('a client that credentials without a verdict might allow is told why there is none', () => {
  const allow = [rule({ identity: ['office'], subject: ['alice'] })];
  assert.equal(
    new Scene({ allow }, good(), new KnownIdentity('office', NO_KEYS)).outcome,
    'keys_unavailable',
  );
  assert.equal(new Scene({ allow }, good()).outcome, 'access_denied');
});

test('a service that is told who the client is gets no call without that', () => {
  const office = new KnownIdentity('office', NO_KEYS, ['x-user']);
  assert.equal(new Scene({ require: ['machines', 'office'] }, good(), office).outcome, 'keys_unavailable');
});

test('a token that is good is not taken for an API key that cannot be judged', () => {
  const keys = new KnownIdentity('partners', { ...NO_KEYS, isOfAnother: true }, ['x-partner']);
  const access = { require: ['machines', 'partners'] };
  assert.equal(new Scene(access, good(), keys).outcome, 'admitted');
  assert.equal(new Scene(access, keys).outcome, 'keys_unavailable');
});

test('with recheck, other credentials of the stream are verified again before it ends', () => {
  const first = new KnownIdentity('office', caller('office', 'alice', 1000));
  const other = good();
  const scene = new Scene({ require: ['office', 'machines'], onExpiry: 'recheck' }, first, other);
  assert.deepEqual([scene.outcome, scene.reviewAtMs], ['admitted', 1000]);
  first.known = 'later';
  other.known = 'later';
  assert.equal(scene.review(), undefined, 'the stream goes on');
  assert.equal(first.tell, undefined, 'what has expired is not verified again');
  assert.equal(scene.reviewAtMs, 6000);
  other.tell?.(caller('machines', 'edge-1'));
  assert.equal(scene.review(), undefined, 'and goes on after that');
});

test('with recheck, a stream ends whose other credentials are bad, or are not verified in time', () => {
  for (const verdict of [{ token: 'credentials_invalid', sentence: 'bad' }, NO_KEYS, undefined] as const) {
    const first = new KnownIdentity('office', caller('office', 'alice', 1000));
    const other = good();
    const scene = new Scene({ require: ['office', 'machines'], onExpiry: 'recheck' }, first, other);
    other.known = 'later';
    assert.equal(scene.review(), undefined);
    if (verdict !== undefined) {
      other.tell?.(verdict);
      assert.equal(scene.reviewAtMs, 0);
    }
    assert.equal(scene.review()?.token, 'credentials_expired');
    if (verdict === undefined) assert.equal(other.tell, undefined, 'nobody waits any more');
  }
});

test('with recheck, a stream that ends while its other credentials wait does not wait for them any more', () => {
  const first = new KnownIdentity('office', caller('office', 'alice', 1000));
  const other = good();
  const scene = new Scene({ require: ['office', 'machines'], onExpiry: 'recheck' }, first, other);
  other.known = 'later';
  assert.equal(scene.review(), undefined);
  assert.notEqual(other.tell, undefined);
  scene.drop();
  assert.equal(other.tell, undefined);
});

test('with recheck, a stream ends at once if nothing else is left', () => {
  const scene = new Scene(
    { require: ['office'], onExpiry: 'recheck' },
    new KnownIdentity('office', caller('office', 'alice', 1000)),
  );
  assert.equal(scene.review()?.token, 'credentials_expired');
});

test('with recheck, a stream that goes on with other credentials ends when these have expired, too', () => {
  for (const isKnown of [true, false]) {
    const first = new KnownIdentity('office', caller('office', 'alice', 1000));
    const second = caller('machines', 'edge-1', 5000);
    const other = new KnownIdentity('machines', second);
    const scene = new Scene({ require: ['office', 'machines'], onExpiry: 'recheck' }, first, other);
    assert.equal(scene.reviewAtMs, 1000);
    first.known = undefined;
    if (!isKnown) other.known = 'later';
    assert.equal(scene.review(), undefined);
    if (!isKnown) other.tell?.(second);
    assert.equal(scene.reviewAtMs, 5000);
    assert.equal(scene.review()?.token, 'credentials_expired');
  }
});
