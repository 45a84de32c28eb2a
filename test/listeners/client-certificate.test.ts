// The names in a client's certificate, as Node writes them into one text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesOf, subjectOf } from '../../src/listeners/client-certificate.ts';

test('URIs and DNS names are told apart from other names', () => {
  const subjectAltName =
    'DNS:A.example.org, URI:spiffe://example.org/a, IP Address:192.0.2.1, DNS:b.example.org';
  assert.deepEqual(namesOf({ subjectAltName }), {
    uris: ['spiffe://example.org/a'],
    dnsNames: ['a.example.org', 'b.example.org'],
  });
  assert.deepEqual(namesOf({ subjectAltName: undefined }), { uris: [], dnsNames: [] });
});

test('a name that looks like the beginning of another one stays one name', () => {
  const subjectAltName = 'DNS:"evil, URI:spiffe://example.org/admin", URI:spiffe://example.org/evil';
  assert.deepEqual(namesOf({ subjectAltName }), {
    uris: ['spiffe://example.org/evil'],
    dnsNames: ['evil, uri:spiffe://example.org/admin'],
  });
});

test('names that cannot be told apart with certainty are none', () => {
  for (const subjectAltName of ['URI:a"b', 'URI:"a', 'URI', ', URI:a', 'URI:a, ', 'URI:a,b'])
    assert.equal(namesOf({ subjectAltName }), undefined, subjectAltName);
});

test('a subject is written as RFC 4514 has it, whatever its parts hold', () => {
  const subjects: readonly (readonly [ofNode: string | undefined, shown: string])[] = [
    [undefined, ''],
    ['CN=edge-1', 'CN=edge-1'],
    ['O=Example\\, Inc.\nCN=edge-1', 'CN=edge-1,O=Example\\, Inc.'],
    // As openssl prints it with -nameopt RFC2253,-esc_msb.
    ['DC=a\nO=Exämple \\+ x\nOU=a + CN=edge-1', 'CN=edge-1+OU=a,O=Exämple \\+ x,DC=a'],
  ];
  for (const [subject, shown] of subjects) assert.equal(subjectOf({ subject }), shown);
});
