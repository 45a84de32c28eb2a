// One identity by client certificates: which name counts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientCertificate } from '../../src/calls/client-certificate.ts';
import type { AdmittedCall } from '../../src/calls/policy.ts';
import { CertificateIdentity } from '../../src/identities/certificate-identity.ts';
import { isCaller, isRejection, type Look } from '../../src/identities/identity.ts';
import { standIn } from '../support/stand-in.ts';

function identity(trustDomain?: string): CertificateIdentity {
  return new CertificateIdentity({ kind: 'certificate', name: 'machines', subject: undefined, trustDomain });
}

function certificate(parts: Partial<ClientCertificate>): ClientCertificate {
  return standIn<ClientCertificate>({ uris: [], dnsNames: [], subject: '', ...parts });
}

function look(one: CertificateIdentity, clientCertificate: ClientCertificate | undefined): Look {
  return one.look(standIn<AdmittedCall>({ clientCertificate }));
}

test('the name is the first URI, else the first DNS name, else the subject', () => {
  const cases: [Partial<ClientCertificate>, string][] = [
    [{ uris: ['spiffe://a/b', 'spiffe://c/d'], dnsNames: ['x'], subject: 'CN=y' }, 'spiffe://a/b'],
    [{ dnsNames: ['x', 'z'], subject: 'CN=y' }, 'x'],
    [{ subject: 'CN=y' }, 'CN=y'],
  ];
  for (const [parts, name] of cases) {
    const found = look(identity(), certificate(parts));
    assert.ok(isCaller(found) && found.subject === name);
  }
  assert.ok(isRejection(look(identity(), certificate({}))));
  assert.equal(look(identity(), undefined), undefined);
});

test('with a trust domain the certificate has one URI, of this domain', () => {
  const one = identity('example.org');
  assert.ok(isCaller(look(one, certificate({ uris: ['spiffe://example.org/a'] }))));
  for (const uris of [
    [],
    ['spiffe://example.org'],
    ['spiffe://example.org.evil/a'],
    ['spiffe://example.org/a', 'spiffe://example.org/b'],
  ])
    assert.ok(isRejection(look(one, certificate({ uris, dnsNames: ['a.example.org'] }))), uris.join());
});

test('the calls of a connection have the same caller', () => {
  const one = identity();
  const shown = certificate({ subject: 'CN=y' });
  assert.equal(look(one, shown), look(one, shown));
});
