// The rules of `access`: which calls and clients they hold for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../../../src/calls/caller.ts';
import type { AdmittedCall } from '../../../src/calls/policy.ts';
import type { AccessRuleConfig } from '../../../src/config/identity-config.ts';
import { compileRule } from '../../../src/policies/access/access-rules.ts';
import { standIn } from '../../support/stand-in.ts';

function holds(
  rule: AccessRuleConfig,
  {
    method = '/a.B/C',
    clientAddress = '192.0.2.7',
    required = [] as readonly string[],
    ifUnknown = false,
  } = {},
  ...callers: readonly Partial<Caller>[]
): boolean {
  const subject = standIn<AdmittedCall['subject']>({ method });
  const call = standIn<AdmittedCall>({ subject, clientAddress });
  const whole = callers.map((one) => ({
    ...standIn<Caller>({ identity: 'office', subject: '', claims: {} }),
    ...one,
  }));
  return compileRule(rule, required, ifUnknown)(call, whole);
}

const claim = (name: string, ...values: readonly string[]): AccessRuleConfig => ({
  claim: new Map([[name, values]]),
});

test('a path is compared letter by letter, and without its query', () => {
  const rule = { method: ['/a.B/C', '/d.E/*'] };
  for (const method of ['/a.B/C', '/a.B/C?x=1', '/d.E/', '/d.E/F'])
    assert.ok(holds(rule, { method }), method);
  for (const method of ['/a.B/', '/a.B/CD', '/a.b/c', '/d.E', '/x?/a.B/C'])
    assert.ok(!holds(rule, { method }), method);
});

test('an address is in one of the networks, and an unknown one is in none', () => {
  const rule = { client: ['10.0.0.0/8', '2001:db8::/32', 'unix:'] };
  for (const clientAddress of ['10.1.2.3', '2001:db8::1', 'unix:']) assert.ok(holds(rule, { clientAddress }));
  for (const clientAddress of ['11.0.0.1', '2001:db9::1', '', 'localhost'])
    assert.ok(!holds(rule, { clientAddress }));
  assert.ok(!holds({ client: ['0.0.0.0/0', '::/0'] }, { clientAddress: '' }));
});

test('a claim is a text, a number, one of a list, or a word of a scope', () => {
  const claims = {
    scope: 'read voice',
    roles: ['a', 'b'],
    level: 3,
    admin: true,
    name: 'read voice',
    realm_access: { roles: ['x'] },
    'https://example.com/team': 'blue',
  };
  const yes = [
    claim('scope', 'voice'),
    claim('scope', 'read voice'),
    claim('roles', 'z', 'b'),
    claim('level', '3'),
    claim('admin', 'true'),
    claim('realm_access.roles', 'x'),
    claim('https://example.com/team', 'blue'),
  ];
  const no = [
    claim('scope', 'voic'),
    claim('name', 'voice'),
    claim('roles', 'a,b'),
    claim('realm_access', '[object Object]'),
    claim('constructor', 'x'),
    claim('__proto__.x', 'x'),
    claim('roles.length', '2'),
    claim('missing', 'undefined'),
  ];
  for (const rule of yes) assert.ok(holds(rule, {}, { claims }), JSON.stringify([...(rule.claim ?? [])]));
  for (const rule of no) assert.ok(!holds(rule, {}, { claims }), JSON.stringify([...(rule.claim ?? [])]));
});

test('criteria about the client hold for one of its identities, and are not put together from several', () => {
  const rule = { identity: ['machines'], subject: ['edge-*'] };
  assert.ok(holds(rule, {}, { subject: 'alice' }, { identity: 'machines', subject: 'edge-1' }));
  assert.ok(!holds(rule, {}, { subject: 'edge-1' }, { identity: 'machines', subject: 'core-1' }));
  assert.ok(!holds(rule));
});

test('a rule that names no identity speaks of the required ones alone', () => {
  const guest = { identity: 'guests', subject: 'admin-x' };
  const required = ['office'];
  assert.ok(!holds({ subject: ['admin-*'] }, { required }, { subject: 'bob' }, guest));
  assert.ok(holds({ subject: ['admin-*'] }, { required }, { subject: 'admin-1' }, guest));
  assert.ok(holds({ identity: ['guests'], subject: ['admin-*'] }, { required }, guest));
  assert.ok(holds({ subject: ['admin-*'] }, {}, guest), 'without require any of them');
});

test('a rule that forbids networks holds for an address that is not known', () => {
  const rule = { client: ['10.0.0.0/8'] };
  assert.ok(holds(rule, { clientAddress: '', ifUnknown: true }));
  assert.ok(!holds(rule, { clientAddress: '192.0.2.7', ifUnknown: true }));
});

function callFrom(clientAddress: string): AdmittedCall {
  const subject = standIn<AdmittedCall['subject']>({ method: '/a.B/C' });
  return standIn<AdmittedCall>({ subject, clientAddress });
}

test('a rule that forbids networks holds for an unknown address however many others it has seen', () => {
  const rule = compileRule({ client: ['10.0.0.0/8'] }, [], true);
  for (let index = 0; index < 3000; index++)
    assert.equal(rule(callFrom(`192.0.${index >> 8}.${index & 255}`), []), false);
  assert.equal(rule(callFrom(''), []), true);
  assert.equal(rule(callFrom('10.0.0.1'), []), true);
});
