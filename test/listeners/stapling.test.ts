// OCSP responses from files: whom they are given to, with which certificate, until when, and how they are reloaded.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { type TestCertificate, testCertificate } from '../support/certificates.ts';
import { ocspError, ocspResponse } from '../support/ocsp-response.ts';
import { listen } from './listener-under-test.ts';

const one = await testCertificate('one.test');
const two = await testCertificate('two.test');
const plain = await testCertificate('plain.test');
const yesterday = new Date(Date.now() - 86_400_000);

interface Stapled {
  readonly cert: string;
  readonly key: string;
  readonly ocsp: string;
}

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-ocsp-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function withResponse(folder: string, { cert, key }: TestCertificate, name: string, bytes: Buffer): Stapled {
  const ocsp = join(folder, name);
  writeFileSync(ocsp, bytes);
  return { cert, key, ocsp };
}

/** What is stapled for a client that asks; undefined for nothing. */
async function stapledFor(
  port: number,
  servername: string,
  options: ConnectionOptions = {},
): Promise<Buffer | undefined> {
  const client = connect({
    host: '127.0.0.1',
    port,
    servername,
    requestOCSP: true,
    rejectUnauthorized: false,
    ...options,
  });
  let stapled: Buffer | undefined;
  client.on('OCSPResponse', (response: Buffer | null) => {
    stapled = response ?? undefined;
  });
  try {
    await new Promise((resolve, reject) => {
      client.once('secureConnect', resolve);
      client.once('error', reject);
    });
  } finally {
    client.destroy();
  }
  return stapled;
}

test('who asks gets the response of the certificate that its name chooses, in both versions', async (context) => {
  const folder = folderOf(context);
  const responses = { one: ocspResponse(one), two: ocspResponse(two) };
  const certificates = [
    withResponse(folder, one, 'one.der', responses.one),
    withResponse(folder, two, 'two.der', responses.two),
    plain,
  ];
  const { port } = await listen(context, { certificates });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    assert.deepEqual(await stapledFor(port, 'ONE.test', { maxVersion }), responses.one);
    assert.deepEqual(await stapledFor(port, 'two.test', { maxVersion }), responses.two);
    assert.deepEqual(await stapledFor(port, 'unknown.test', { maxVersion }), responses.one);
    assert.equal(await stapledFor(port, 'plain.test', { maxVersion }), undefined);
    assert.equal(await stapledFor(port, 'one.test', { maxVersion, requestOCSP: false }), undefined);
  }
});

test('a single certificate has its response too, with and without names required', async (context) => {
  const response = ocspResponse(one);
  const certificates = [withResponse(folderOf(context), one, 'one.der', response)];
  for (const unknownServerName of ['serve-default', 'refuse'] as const) {
    const { port } = await listen(context, { certificates, unknownServerName });
    assert.deepEqual(await stapledFor(port, 'one.test'), response);
  }
});

test('a response that has expired, is about another certificate or knows nothing is not given, and clients are served', async (context) => {
  const folder = folderOf(context);
  const useless = [
    ocspResponse({ ...one, thisUpdate: new Date(0), nextUpdate: yesterday }),
    ocspResponse({ ...one, thisUpdate: new Date(Date.now() + 86_400_000), nextUpdate: null }),
    ocspResponse(two),
    ocspResponse({ ...one, status: 'unknown' }),
  ];
  for (const response of useless) {
    const { port } = await listen(context, {
      certificates: [withResponse(folder, one, 'one.der', response)],
    });
    assert.equal(await stapledFor(port, 'one.test'), undefined);
  }
  const revoked = ocspResponse({ ...one, status: 'revoked' });
  const { port } = await listen(context, { certificates: [withResponse(folder, one, 'one.der', revoked)] });
  assert.deepEqual(await stapledFor(port, 'one.test'), revoked);
});

test('a response is given up to its last millisecond', async (context) => {
  const nextUpdate = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
  const response = ocspResponse({ ...one, nextUpdate });
  const { port } = await listen(context, {
    certificates: [withResponse(folderOf(context), one, 'one.der', response)],
  });
  context.mock.timers.enable({ apis: ['Date'], now: nextUpdate.getTime() });
  assert.deepEqual(await stapledFor(port, 'one.test'), response);
  context.mock.timers.setTime(nextUpdate.getTime() + 1);
  assert.equal(await stapledFor(port, 'one.test'), undefined);
});

test('a newer response is taken up; one that cannot be used changes nothing', async (context) => {
  const response = ocspResponse(one);
  const stapled = withResponse(folderOf(context), one, 'one.der', response);
  const { listener, port } = await listen(context, { certificates: [stapled] });
  assert.equal(await listener.prepare(), undefined);
  const newer = ocspResponse({ ...one, nextUpdate: new Date(Date.now() + 5 * 86_400_000) });
  writeFileSync(stapled.ocsp, newer);
  const change = await listener.prepare();
  assert.deepEqual(await stapledFor(port, 'one.test'), response);
  await change?.commit();
  assert.deepEqual(await stapledFor(port, 'one.test'), newer);
  writeFileSync(stapled.ocsp, ocspError(3));
  await assert.rejects(
    listener.prepare(),
    /listener 'under-test': .*one\.der holds no response, but the error 'tryLater'/,
  );
  writeFileSync(stapled.ocsp, 'text');
  await assert.rejects(listener.prepare(), /one\.der is not an OCSP response/);
  rmSync(stapled.ocsp);
  await assert.rejects(listener.prepare(), /the OCSP response \S+ cannot be read: there is no such file/);
  assert.deepEqual(await stapledFor(port, 'one.test'), newer);
});

test('a certificate that loses its response has none any more', async (context) => {
  const stapled = withResponse(folderOf(context), one, 'one.der', ocspResponse(one));
  const { listener, port } = await listen(context, { certificates: [stapled] });
  const { tls } = listener.config;
  assert.ok(tls !== undefined);
  const { cert, key } = stapled;
  const change = await listener.prepare({
    ...listener.config,
    tls: { ...tls, certificates: [{ cert, key }] },
  });
  await change?.commit();
  assert.equal(await stapledFor(port, 'one.test'), undefined);
});
