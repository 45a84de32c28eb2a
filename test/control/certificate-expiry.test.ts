import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { parseOcspResponse } from '../../src/config/ocsp-response.ts';
import { isFault } from '../../src/config/problem.ts';
import { CertificateExpiry, daysLeft } from '../../src/control/certificate-expiry.ts';
import { Staple } from '../../src/listeners/staple.ts';
import type { LogFields, Logger } from '../../src/observability/logger.ts';
import type { TlsUser } from '../../src/plane/tls-users.ts';
import { testCertificate } from '../support/certificates.ts';
import { ocspResponse } from '../support/ocsp-response.ts';

const DAY_MS = 86_400_000;

async function userOf(name: string): Promise<{ readonly user: TlsUser; readonly notAfterMs: number }> {
  const { certPem, cert } = await testCertificate(`${name}.example`);
  const used = { file: cert, certificate: new X509Certificate(certPem) };
  return {
    user: {
      kind: 'listener',
      name,
      files: [cert],
      certificates: () => [used],
      prepare: async () => undefined,
    },
    notAfterMs: used.certificate.validToDate.getTime(),
  };
}

function unused(): never {
  assert.fail('not to be called');
}

function recorder(): { readonly said: string[]; readonly logger: Logger } {
  const said: string[] = [];
  const say = (level: string) => (fields: LogFields, message: string) =>
    said.push(`${level} ${String(fields['listener'])}: ${message} (${String(fields['daysLeft'])})`);
  const logger: Logger = {
    level: 'info',
    isLevelEnabled: () => true,
    use() {},
    debug: unused,
    info: unused,
    warn: say('warn'),
    error: say('error'),
    fatal: unused,
    child: unused,
  };
  return { said, logger };
}

test('a certificate is warned of once at 21, 7 and 1 days, and when it has expired', async () => {
  const { user, notAfterMs } = await userOf('soon');
  const { said, logger } = recorder();
  const expiry = new CertificateExpiry(logger);
  for (const days of [30, 22, 21, 20, 8, 7, 3, 1, 0.5, 0, -1, -2]) {
    expiry.check([user], notAfterMs - days * DAY_MS);
    expiry.check([user], notAfterMs - days * DAY_MS);
  }
  assert.deepEqual(said, [
    'warn soon: a certificate expires in 21 days or less: renew it (21)',
    'warn soon: a certificate expires in 7 days or less: renew it (7)',
    'warn soon: a certificate expires in 1 day or less: renew it (1)',
    'error soon: a certificate has expired: clients refuse it (0)',
  ]);
});

test('each listener is warned of, and another certificate as well', async () => {
  const first = await userOf('first');
  const second = await userOf('second');
  const { said, logger } = recorder();
  const expiry = new CertificateExpiry(logger);
  expiry.check([first.user, second.user], first.notAfterMs - 2 * DAY_MS);
  assert.equal(said.length, 2);
});

test('days that have begun count as left only when they are whole', async () => {
  const { user, notAfterMs } = await userOf('days');
  const [used] = user.certificates();
  assert.deepEqual(
    [0, 1, DAY_MS - 1, DAY_MS, 10 * DAY_MS].map((leftMs) => daysLeft(used, notAfterMs - leftMs)),
    [0, 0, 0, 1, 10],
  );
  assert.equal(daysLeft(used, notAfterMs + 1), -1);
});

test('an OCSP response is warned of once when it has expired, and never before', async () => {
  const { certPem } = await testCertificate('stapled.example');
  const nextUpdate = new Date(Math.ceil(Date.now() / 1000) * 1000 + DAY_MS);
  const response = parseOcspResponse(ocspResponse({ certPem, nextUpdate }));
  assert.ok(!isFault(response));
  const certificate = new X509Certificate(certPem);
  const used = { file: 'a.crt', certificate, staple: new Staple('a.der', response, certificate) };
  const user: TlsUser = {
    kind: 'listener',
    name: 'stapled',
    files: [],
    certificates: () => [used],
    prepare: async () => undefined,
  };
  const { said, logger } = recorder();
  const expiry = new CertificateExpiry(logger);
  expiry.check([user], nextUpdate.getTime());
  assert.deepEqual(said, []);
  for (const laterMs of [1, 2, DAY_MS]) expiry.check([user], nextUpdate.getTime() + laterMs);
  assert.deepEqual(said, [
    'warn stapled: an OCSP response is of no use, and no client gets it: renew the file (undefined)',
  ]);
});
