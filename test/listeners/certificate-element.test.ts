// The element of x-forwarded-client-cert: no name in a certificate may pretend to be another field or another element.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CertificateField } from '../../src/config/config.ts';
import { isFieldValue } from '../../src/h2/field-bytes.ts';
import { certificateElement } from '../../src/listeners/certificate-element.ts';
import { writeClientCertificates } from '../support/client-certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'framegate-element-'));
await writeClientCertificates(folder);
after(() => rmSync(folder, { recursive: true, force: true }));
const client = new X509Certificate(readFileSync(join(folder, 'spiffe.crt')));

const ALL: readonly CertificateField[] = ['dns', 'uri', 'subject', 'cert', 'hash', 'by'];

function element(
  fields: readonly CertificateField[],
  read: { uris?: readonly string[]; dnsNames?: readonly string[]; subject?: string } = {},
  own?: X509Certificate,
): string | undefined {
  return certificateElement(fields, {
    client,
    read: { uris: [], dnsNames: [], subject: 'CN=a', ...read },
    own,
  });
}

test('all fields stand in the order of Envoy, each name by itself', () => {
  const read = { uris: ['spiffe://a/b', 'https://c'], dnsNames: ['d.test', 'e.test'], subject: 'CN=a,O=B C' };
  const text = element(ALL, read, client) ?? '';
  const [by, hash, cert, ...names] = text.split(';');
  assert.equal(by, 'By=spiffe://example.org/edge/1');
  assert.match(hash, /^Hash=[0-9a-f]{64}$/);
  const [, encoded = ''] = /^Cert="([A-Za-z0-9%._*'()!~-]+)"$/.exec(cert) ?? [];
  assert.equal(new X509Certificate(decodeURIComponent(encoded)).fingerprint256, client.fingerprint256);
  assert.deepEqual(names, [
    'Subject="CN=a,O=B C"',
    'URI=spiffe://a/b',
    'URI=https://c',
    'DNS=d.test',
    'DNS=e.test',
  ]);
});

test('a value that could end early is quoted', () => {
  assert.equal(
    element(['uri'], { uris: ['spiffe://a/b;URI=spiffe://a/admin'] }),
    'URI="spiffe://a/b;URI=spiffe://a/admin"',
  );
  assert.equal(element(['uri'], { uris: ['spiffe://a/b,By=x'] }), 'URI="spiffe://a/b,By=x"');
  assert.equal(
    element(['subject'], { subject: 'CN=edge-3,O=Example\\, Inc.' }),
    'Subject="CN=edge-3,O=Example\\, Inc."',
  );
});

test('a value that readers could understand in two ways is left out', () => {
  for (const subject of [
    'CN=a\\"b',
    'CN=a";URI=spiffe://a/admin;X="',
    'CN=a\\\\',
    'CN=a\\',
    'CN=a\r\nb',
    'CN=a\u0000b',
  ])
    assert.equal(element(['subject'], { subject }), undefined, subject);
  assert.equal(element(['uri'], { uris: ['a"b', 'spiffe://a/b'] }), 'URI=spiffe://a/b');
});

test('letters beyond ASCII are bytes of UTF-8, as a header field has them', () => {
  const text = element(['subject'], { subject: 'CN=J\u00fcrgen' }) ?? '';
  assert.equal(text, 'Subject="CN=J\u00c3\u00bcrgen"');
  assert.ok(isFieldValue(text));
});

test('without a value there is no element', () => {
  assert.equal(element(['by', 'uri', 'dns']), undefined);
});
