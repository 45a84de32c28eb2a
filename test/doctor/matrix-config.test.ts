// The matrix, first part: configurations, ports, certificates and machines in which one thing is wrong each. The doctor names it first.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generate } from 'selfsigned';
import { firstCause } from '../../src/doctor/report.ts';
import { testCertificate } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import {
  assertFirst,
  diagnose,
  diagnoseBroken,
  folderOf,
  healthyConfig,
  startSocketPeer,
} from './patient.ts';

test('a healthy set-up has nothing to name', async (t) => {
  const reports = await diagnoseBroken(t, {});
  assert.equal(firstCause(reports), undefined, JSON.stringify(reports, undefined, 1));
  for (const group of ['config', 'ports', 'certificates', 'upstream', 'through', 'guesses', 'host'])
    assert.ok(
      reports.some((report) => report.group === group && report.verdict === 'ok'),
      group,
    );
});

test('a key that does not exist', async (t) => {
  const reports = await diagnoseBroken(t, { routing: [] });
  assertFirst(reports, { check: /^config\.usable$/, says: /config\.yaml:1:\d+ routing/ });
});

test('YAML that cannot be read', async (t) => {
  const reports = await diagnose(t, { config: 'listeners: [\n  { address: "127.0.0.1:1"\nroutes: []\n' });
  assertFirst(reports, { check: /^config\.usable$/, says: /config\.yaml:\d+:\d+/ });
});

test('a path that ends in a slash, without the star', async (t) => {
  const routes = [{ name: 'voice', match: { path: '/voice.VoiceAssistant/' }, upstream: 'voice' }];
  assertFirst(await diagnoseBroken(t, { routes }), {
    check: /^config\.usable$/,
    says: /matches this one path alone/,
    verdict: 'warning',
  });
});

test('an exact path that looks like a service', async (t) => {
  const routes = [{ name: 'voice', match: { path: '/voice.VoiceAssistant' }, upstream: 'voice' }];
  assertFirst(await diagnoseBroken(t, { routes }), {
    check: /^config\.usable$/,
    says: /matches no gRPC call/,
    verdict: 'warning',
  });
});

test('an idle time below the pauses of streams', async (t) => {
  const match = { path: '/voice.VoiceAssistant/*' };
  const routes = [{ name: 'voice', match, upstream: 'voice', timeouts: { idle: '5s' } }];
  assertFirst(await diagnoseBroken(t, { routes }), {
    check: /^config\.risks$/,
    says: /silent for 5 s \(timeouts\.idle\)/,
    verdict: 'warning',
    code: 'FG3030',
  });
});

test('a deadline that ends long streams', async (t) => {
  const match = { path: '/voice.VoiceAssistant/*' };
  const routes = [{ name: 'voice', match, upstream: 'voice', timeouts: { maxDeadline: '20s' } }];
  assertFirst(await diagnoseBroken(t, { routes }), {
    check: /^config\.risks$/,
    says: /each call after 20 s \(timeouts\.maxDeadline\)/,
    verdict: 'warning',
    code: 'FG3005',
  });
});

test('plaintext for the whole network', async (t) => {
  const listeners = [{ name: 'clear', address: `0.0.0.0:${await freePort()}` }];
  assertFirst(await diagnoseBroken(t, { listeners }), {
    check: /^config\.risks$/,
    says: /serves plaintext on 0\.0\.0\.0/,
    verdict: 'warning',
  });
});

test('a limit of PINGs below the keepalive of clients', async (t) => {
  assertFirst(await diagnoseBroken(t, { limits: { floods: { pings: 10 } } }), {
    check: /^config\.risks$/,
    says: /floods\.pings: 10 ends connections/,
    verdict: 'warning',
  });
});

test('a log format that log.file does not have is a fault of the file, and no certificate is to blame', async (t) => {
  const reports = await diagnoseBroken(t, { log: { format: 'text', file: join(folderOf(t), 'x.log') } });
  assertFirst(reports, { check: /^config\.usable$/, says: /log\.format – text is for standard output/ });
});

test('a log file that cannot be written is a fault of the file, and no certificate is to blame', async (t) => {
  const log = { file: join(folderOf(t), 'missing', 'x.log') };
  const reports = await diagnoseBroken(t, { log });
  assertFirst(reports, { check: /^config\.usable$/, says: /log\.file – cannot be written/ });
  assert.equal(reports.find(({ id }) => id === 'certificates.files')?.verdict, 'ok');
});

test('a port that another process holds, with its pid', async (t) => {
  const address = await startSocketPeer(t, (socket) => socket.destroy());
  const listeners = [{ name: 'clear', address }];
  assertFirst(await diagnoseBroken(t, { listeners }), {
    check: /^ports\./,
    says: new RegExp(`is held by process ${process.pid} \\(`),
  });
});

test('an address that the machine does not have', async (t) => {
  const { certificates } = await pairFor('localhost');
  const listeners = [{ name: 'far', address: '192.0.2.1:18443', tls: { certificates } }];
  const reports = await diagnoseBroken(t, { listeners });
  assertFirst(reports, {
    check: /^ports\./,
    says: /no network interface of this machine has the address 192\.0\.2\.1/,
  });
  const files = reports.find(({ id }) => id === 'certificates.files');
  assert.deepEqual(files?.findings, [{ verdict: 'ok', text: 'the listeners have 1 certificate' }]);
});

test('a Unix socket in a folder that does not exist', async (t) => {
  const listeners = [{ name: 'local', address: `unix:${folderOf(t)}/missing/x.sock` }];
  assertFirst(await diagnoseBroken(t, { listeners }), {
    check: /^ports\./,
    says: /the folder .* does not exist/,
  });
});

test('a certificate that has expired', async (t) => {
  const day = 86_400_000;
  const listeners = await listenerWith(t, { notBefore: -30 * day, notAfter: -day });
  assertFirst(await diagnoseBroken(t, { listeners }), {
    check: /^certificates\.files$/,
    says: /expired at/,
    code: 'FG1024',
  });
});

test('a certificate of the time to come, which a wrong clock makes of a good one', async (t) => {
  const day = 86_400_000;
  const listeners = await listenerWith(t, { notBefore: 10 * day, notAfter: 90 * day });
  assertFirst(await diagnoseBroken(t, { listeners }), {
    check: /^certificates\.files$/,
    says: /is not valid before/,
    code: 'FG1024',
  });
});

test('a certificate that expires soon', async (t) => {
  const day = 86_400_000;
  const listeners = await listenerWith(t, { notBefore: -day, notAfter: 5.5 * day });
  assertFirst(await diagnoseBroken(t, { listeners }), {
    check: /^certificates\.tls\./,
    says: /valid for 5 more days/,
    verdict: 'warning',
  });
});

test('the key of another certificate', async (t) => {
  const [{ cert }, { key }] = [await testCertificate('a.example'), await testCertificate('b.example')];
  const listeners = [await tlsListener(cert, key)];
  assertFirst(await diagnoseBroken(t, { listeners }), {
    check: /^certificates\.files$/,
    says: /is not the key of/,
  });
});

test('a certificate without the host of a route', async (t) => {
  const { cert, key } = await testCertificate('a.example');
  const match = { path: '/voice.VoiceAssistant/*', host: 'b.example' };
  const routes = [{ name: 'voice', match, upstream: 'voice' }];
  assertFirst(await diagnoseBroken(t, { listeners: [await tlsListener(cert, key)], routes }), {
    check: /^certificates\.tls\.names$/,
    says: /no certificate of listener 'tls' is for b\.example/,
    code: 'FG1024',
  });
});

test('a chain whose second certificate has not issued the first', async (t) => {
  const [{ certPem, key }, other] = [await testCertificate('localhost'), await testCertificate('c.example')];
  const chain = join(folderOf(t), 'chain.pem');
  writeFileSync(chain, `${certPem}\n${other.certPem}`);
  assertFirst(await diagnoseBroken(t, { listeners: [await tlsListener(chain, key)] }), {
    check: /^certificates\.tls\./,
    says: /certificate 2 is not the issuer of certificate 1/,
    code: 'FG1024',
  });
});

test('a key that everybody may read', async (t) => {
  const { cert, keyPem } = await testCertificate('localhost');
  const key = join(folderOf(t), 'open.key');
  writeFileSync(key, keyPem);
  chmodSync(key, 0o644);
  assertFirst(await diagnoseBroken(t, { listeners: [await tlsListener(cert, key)] }), {
    check: /^certificates\.tls\./,
    says: /every user of this machine may read the key .* \(mode 0644\)/,
    verdict: 'warning',
  });
});

test('fewer descriptors than a proxy needs', async (t) => {
  assertFirst(await diagnoseBroken(t, {}, { openFiles: 1024 }), {
    check: /^host\.descriptors$/,
    says: /open files of this process \(1024\) are enough for 792 clients/,
    verdict: 'warning',
  });
});

test('fewer descriptors than limits.connections needs', async (t) => {
  assertFirst(await diagnoseBroken(t, { limits: { connections: 50_000 } }, { openFiles: 20_000 }), {
    check: /^host\.descriptors$/,
    says: /enough for \d+ clients/,
    verdict: 'warning',
  });
});

test('a broken certificate does not hide a service that is down', async (t) => {
  const [{ cert }, { key }] = [await testCertificate('a.example'), await testCertificate('b.example')];
  const closed = `127.0.0.1:${await freePort()}`;
  const config = await healthyConfig(closed, { listeners: [await tlsListener(cert, key)] });
  const reports = await diagnose(t, { config });
  const verdicts = new Map(reports.map(({ id, verdict }) => [id, verdict]));
  assert.equal(verdicts.get('certificates.files'), 'failed');
  assert.equal(verdicts.get(`upstream.voice.${closed}.connect`), 'failed');
  assert.equal(verdicts.get(`upstream.voice.${closed}.protocol`), 'skipped');
  assert.equal(verdicts.get('through.proxy'), 'skipped');
  assert.equal(verdicts.get('host.descriptors'), 'ok');
});

async function pairFor(name: string): Promise<{ certificates: readonly unknown[] }> {
  const { cert, key } = await testCertificate(name);
  return { certificates: [{ cert, key }] };
}

async function tlsListener(cert: string, key: string): Promise<unknown> {
  return { name: 'tls', address: `127.0.0.1:${await freePort()}`, tls: { certificates: [{ cert, key }] } };
}

interface Validity {
  /** In milliseconds from now. */
  readonly notBefore: number;
  readonly notAfter: number;
}

async function listenerWith(
  t: Parameters<typeof folderOf>[0],
  { notBefore, notAfter }: Validity,
): Promise<readonly unknown[]> {
  const now = Date.now();
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(now + notBefore),
    notAfterDate: new Date(now + notAfter),
  });
  const folder = folderOf(t);
  const files = [join(folder, 'x.crt'), join(folder, 'x.key')] as const;
  writeFileSync(files[0], cert);
  writeFileSync(files[1], key, { mode: 0o600 });
  return [await tlsListener(...files)];
}
