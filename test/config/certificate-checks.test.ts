import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { generate } from 'selfsigned';
import { findCertificateProblems } from '../../src/config/certificate-checks.ts';
import { ocspError, ocspResponse } from '../support/ocsp-response.ts';

const folder = mkdtempSync(join(tmpdir(), 'framegate-certificates-'));
after(() => rmSync(folder, { recursive: true }));

const dayMs = 86_400_000;
const configFile = join(folder, 'config.yaml');
const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
  keyType: 'ec',
  algorithm: 'sha256',
});
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
write('good.crt', pems.cert);
write('good.key', pems.private);
write('other.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
write(
  'locked.key',
  privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(),
);
write('text.pem', 'not a certificate');

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

function problemsOf(cert: unknown, key: unknown, nowEpochMs = Date.now()): readonly string[] {
  const value = { listeners: [{ tls: { certificates: [{ cert, key }] } }] };
  return findCertificateProblems(value, configFile, nowEpochMs).map(({ severity, path, message, hint }) => {
    const text = `${severity} ${String(path.at(-1))}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
    return text.replaceAll(join(folder, '/'), '');
  });
}

test('a certificate and its key are fine', () => {
  assert.deepEqual(problemsOf('good.crt', 'good.key'), []);
  assert.deepEqual(problemsOf(join(folder, 'good.crt'), join(folder, 'good.key')), []);
});

test('files that do not exist are named', () => {
  assert.deepEqual(problemsOf('none.crt', 'none.key'), [
    'error cert: none.crt does not exist',
    'error key: none.key does not exist',
  ]);
});

test('the development certificates come with how to make them', () => {
  assert.deepEqual(problemsOf('certs/server.crt', 'good.key'), [
    'error cert: certs/server.crt does not exist (npm run certs makes certificates for development)',
  ]);
});

test('files that hold something else are named', () => {
  assert.deepEqual(problemsOf('text.pem', 'text.pem'), [
    'error cert: text.pem is not a certificate (it must be in PEM form, the certificate of the server first)',
    'error key: text.pem is not a private key (it must be in PEM form)',
  ]);
  assert.deepEqual(problemsOf('.', 'good.key'), [`error cert: ${folder} cannot be read: it is a folder`]);
});

test('a key with a passphrase cannot be used', () => {
  assert.deepEqual(problemsOf('good.crt', 'locked.key'), [
    'error key: locked.key is protected by a passphrase (decrypt it: openssl pkey -in FILE -out FILE)',
  ]);
});

test('a key of another certificate is found', () => {
  assert.deepEqual(problemsOf('good.crt', 'other.key'), ['error key: other.key is not the key of good.crt']);
});

test('a certificate that is not valid today is a warning', () => {
  const [expired] = problemsOf('good.crt', 'good.key', Date.now() + 4_000 * dayMs);
  assert.match(expired, /^warning cert: good\.crt expired at /);
  const [early] = problemsOf('good.crt', 'good.key', Date.now() - 4_000 * dayMs);
  assert.match(early, /^warning cert: good\.crt is not valid before /);
});

test('what the schema refuses is passed over', () => {
  for (const value of [
    undefined,
    null,
    1,
    [],
    { listeners: 1 },
    { listeners: [1, { tls: { certificates: [null] } }] },
  ]) {
    assert.deepEqual(findCertificateProblems(value, configFile), []);
  }
  assert.deepEqual(problemsOf(1, ''), []);
});

function stapleProblems(ocsp: string, nowEpochMs = Date.now()): readonly string[] {
  const value = { listeners: [{}, { tls: { certificates: [{ cert: 'good.crt', key: 'good.key', ocsp }] } }] };
  return findCertificateProblems(value, configFile, nowEpochMs).map(({ severity, path, message, hint }) => {
    const text = `${severity} ${path.join('.')}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
    return text.replaceAll(join(folder, '/'), '').replaceAll(/\d{4}-\d\d-\d\dT\S+Z/g, 'TIME');
  });
}

test('an OCSP response is looked at: what cannot be one is an error at its key, what is of no use a warning', async () => {
  const stranger = await generate([{ name: 'commonName', value: 'other' }], { keyType: 'ec' });
  const files = {
    'good.der': ocspResponse({ certPem: pems.cert }),
    'revoked.der': ocspResponse({ certPem: pems.cert, status: 'revoked' }),
    'stranger.der': ocspResponse({ certPem: stranger.cert }),
    'later.der': ocspError(3),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  const at = 'listeners.1.tls.certificates.0.ocsp';
  assert.deepEqual(stapleProblems('good.der'), []);
  assert.deepEqual(stapleProblems('good.der', Date.now() + 2 * dayMs), [
    `warning ${at}: good.der expired at TIME: no client gets it`,
  ]);
  assert.deepEqual(stapleProblems('stranger.der'), [
    `warning ${at}: stranger.der is about another certificate: no client gets it`,
  ]);
  assert.deepEqual(stapleProblems('revoked.der'), [
    `warning ${at}: revoked.der says that the certificate is revoked: clients refuse it`,
  ]);
  assert.deepEqual(stapleProblems('later.der'), [
    `error ${at}: later.der holds no response, but the error 'tryLater' of the responder`,
  ]);
  assert.deepEqual(stapleProblems('good.crt'), [
    `error ${at}: good.crt is not an OCSP response: there is a tag 45 in place of 48 (it must be in DER form, as openssl ocsp -respout writes it)`,
  ]);
  assert.deepEqual(stapleProblems('none.der'), [`error ${at}: none.der does not exist`]);
});

/** What is said of certificates of these names, on one listener. */
function neverServed(...files: readonly string[]): readonly string[] {
  const certificates = files.map((name) => ({ cert: `${name}.crt`, key: `${name}.key` }));
  const found = findCertificateProblems({ listeners: [{ tls: { certificates } }] }, configFile);
  return found.map(({ severity, path, message }) => `${severity} ${path.slice(-2).join('.')} ${message}`);
}

test('of certificates for one name the first is served, and check says so of the others', async () => {
  for (const [name, keyType, names] of [
    ['rsa', 'rsa', ['a.test', '*.b.test']],
    ['ec', 'ec', ['a.test']],
    ['more', 'ec', ['A.test', 'c.test']],
    ['same', 'rsa', ['a.test', 'd.test']],
    ['apart', 'ec', ['x.b.test']],
  ] as const) {
    const altNames = names.map((value) => ({ type: 2 as const, value }));
    const made = await generate([{ name: 'commonName', value: name }], {
      keyType,
      algorithm: 'sha256',
      extensions: [{ name: 'subjectAltName', altNames }],
    });
    write(`${name}.crt`, made.cert);
    write(`${name}.key`, made.private);
  }
  const first = 'certificates[0] stands before it and is for the same';
  assert.deepEqual(neverServed('rsa', 'ec'), [`warning 1.cert is not served for a.test: ${first}`]);
  assert.deepEqual(neverServed('ec', 'rsa'), [`warning 1.cert is not served for a.test: ${first}`]);
  assert.deepEqual(neverServed('rsa', 'more'), [`warning 1.cert is not served for a.test: ${first}`]);
  assert.deepEqual(neverServed('ec', 'ec'), [`warning 1.cert is not served for a.test: ${first}`]);
  assert.deepEqual(neverServed('rsa', 'same'), []);
  assert.deepEqual(neverServed('rsa', 'apart'), []);
});

test('a certificate in DER form, which TLS does not read, comes with the command that changes it', () => {
  const der = Buffer.from(pems.cert.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  writeFileSync(join(folder, 'der.crt'), der);
  assert.deepEqual(problemsOf('der.crt', 'good.key'), [
    'error cert: der.crt is a certificate in DER form (write it in PEM form: openssl x509 -inform der -in der.crt -out der.crt.pem)',
  ]);
});

test('a pair with a key that is too short for TLS is refused with what OpenSSL says of it', async () => {
  const short = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'rsa',
    keySize: 1024,
    algorithm: 'sha256',
  });
  write('short.crt', short.cert);
  write('short.key', short.private);
  assert.deepEqual(problemsOf('short.crt', 'short.key'), [
    'error cert: OpenSSL does not accept short.crt (ee key too small) (make a new pair: an ECDSA key (P-256), or an RSA key of 2048 bits, signed with SHA-256)',
  ]);
});
