import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCertificates } from '../../src/listeners/certificates.ts';
import { buildSecureContexts } from '../../src/listeners/secure-contexts.ts';
import { testCertificate } from '../support/certificates.ts';

const certificates = await loadCertificates([
  await testCertificate('a.test'),
  await testCertificate('*.b.test'),
  await testCertificate('x.b.test'),
]);

test('a name gets the same context every time, an unknown one none every time', () => {
  const select = buildSecureContexts(certificates, 'TLSv1.2');
  const [a, wildcard, exact] = ['a.test', 'y.b.test', 'x.b.test'].map(select);
  assert.equal(new Set([a, wildcard, exact]).size, 3);
  for (let time = 0; time < 3; time++) {
    assert.equal(select('A.TEST'), a);
    assert.equal(select('a.test.'), a);
    assert.equal(select('Y.b.test'), wildcard);
    assert.equal(select('x.B.test'), exact);
    for (const unknown of ['c.test', 'b.test', '', '*', '__proto__', 'constructor'])
      assert.equal(select(unknown), undefined);
  }
});

test('more names of a wildcard than are remembered get their certificate', () => {
  const select = buildSecureContexts(certificates, 'TLSv1.2');
  const wildcard = select('first.b.test');
  for (let index = 0; index < 3000; index++) assert.equal(select(`n${index}.b.test`), wildcard);
  assert.notEqual(select('x.b.test'), wildcard);
  assert.notEqual(select('a.test'), wildcard);
});
