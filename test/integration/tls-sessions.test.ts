// TLS through reloads of a whole process: sessions go on, OCSP responses are renewed, names are refused from one reload
// to the next.

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ocspError, ocspResponse } from '../support/ocsp-response.ts';
import { type ReloadingProxy, startReloadingProxy, tlsListener } from '../support/reloading-proxy.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const renewed = await testCertificate('renewed.example', 'localhost');

interface Visit {
  readonly isResumed: boolean;
  readonly names: string;
  readonly stapled: Buffer | undefined;
  /** To come again with; none where one was resumed. */
  readonly session: Buffer | undefined;
}

interface VisitOptions {
  readonly session?: Buffer | undefined;
  readonly servername?: string;
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** A client that connects and leaves. */
async function visit(proxy: ReloadingProxy, options: VisitOptions = {}): Promise<Visit> {
  const port = await proxy.process.port('tls');
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    requestOCSP: true,
    ...options,
  });
  let stapled: Buffer | undefined;
  socket.on('OCSPResponse', (response: Buffer | null) => {
    stapled = response ?? undefined;
  });
  let session: Buffer | undefined;
  socket.on('session', (given: Buffer) => {
    session ??= given;
  });
  try {
    // The server's SETTINGS: what belongs to the handshake has come by then.
    await new Promise((resolve, reject) => {
      socket.once('data', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed before SETTINGS')));
    });
    const names = socket.getPeerCertificate().subjectaltname ?? '';
    return { isResumed: socket.isSessionReused(), names, stapled, session };
  } finally {
    socket.destroy();
  }
}

async function started(
  t: TestContext,
  sections: Readonly<Record<string, unknown>> = {},
): Promise<ReloadingProxy> {
  return startReloadingProxy(t, {
    upstreams: { voice: { endpoints: ['127.0.0.1:1'] } },
    reload: { certificates: '100ms' },
    ...sections,
  });
}

function replace(proxy: ReloadingProxy, name: string, content: string | Buffer): void {
  writeFileSync(join(proxy.folder, `${name}.new`), content);
  renameSync(join(proxy.folder, `${name}.new`), join(proxy.folder, name));
}

function withTls(tls: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { listeners: [{ ...tlsListener, tls: { ...tlsListener.tls, ...tls } }] };
}

test('sessions are resumed after a reload and after a change of certificate, and no key is shown anywhere', async (t) => {
  const proxy = await started(t);
  const { session } = await visit(proxy);
  proxy.write({ listeners: [{ ...tlsListener, trustedClients: ['127.0.0.1'] }] });
  assert.equal((await proxy.reload()).status, 200);
  assert.equal((await visit(proxy, { session })).isResumed, true);
  replace(proxy, 'server.crt', renewed.certPem);
  replace(proxy, 'server.key', renewed.keyPem);
  await eventually('new connections get the new certificate', async () => {
    return (await visit(proxy)).names.includes('renewed.example');
  });
  assert.equal((await visit(proxy, { session })).isResumed, true);
  const { body } = await proxy.ask('GET', '/api/config');
  assert.doesNotMatch(JSON.stringify([body, proxy.process.lines()]), /ticket|"data":\[/i);
});

test('a session is resumed by whichever worker gets the connection', async (t) => {
  const proxy = await started(t, { workers: 2 });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { session } = await visit(proxy, { maxVersion });
    // At once, so that one worker alone does not get them all.
    const visits = Array.from({ length: 12 }, () => visit(proxy, { session, maxVersion }));
    const resumed = (await Promise.all(visits)).map(({ isResumed }) => isResumed);
    assert.deepEqual(new Set(resumed), new Set([true]), maxVersion);
  }
});

test('a session is not resumed once the rules of its listener are others', async (t) => {
  const proxy = await started(t);
  const { session } = await visit(proxy);
  assert.ok(session !== undefined);
  proxy.write(withTls({ unknownServerName: 'refuse' }));
  assert.equal((await proxy.reload()).status, 200);
  assert.equal((await visit(proxy, { session })).isResumed, false);
});

test('names are refused from one reload to the next, and the log says which', async (t) => {
  const proxy = await started(t);
  assert.match((await visit(proxy, { servername: 'unknown.example' })).names, /localhost/);
  proxy.write(withTls({ unknownServerName: 'refuse' }));
  assert.equal((await proxy.reload()).status, 200);
  await assert.rejects(visit(proxy, { servername: 'Unknown.example' }), /unrecognized name/);
  const line = await proxy.line('A client called a server name');
  assert.deepEqual(
    [line['token'], line['code'], line['detail'], line['listener']],
    ['unknown_server_name', 'FG1028', 'SNI Unknown.example', 'tls'],
  );
  assert.match((await visit(proxy, { servername: 'LOCALHOST' })).names, /localhost/);
});

test('an OCSP response is renewed with its file; what is no response is not taken up', async (t) => {
  const proxy = await started(t);
  const first = ocspResponse(certificate);
  replace(proxy, 'server.der', first);
  proxy.write(withTls({ certificates: [{ cert: 'server.crt', key: 'server.key', ocsp: 'server.der' }] }));
  assert.equal((await proxy.reload()).status, 200);
  assert.deepEqual((await visit(proxy)).stapled, first);
  const second = ocspResponse({ ...certificate, nextUpdate: new Date(Date.now() + 7 * 86_400_000) });
  replace(proxy, 'server.der', second);
  await eventually('clients get the new response', async () => {
    return (await visit(proxy)).stapled?.equals(second);
  });
  replace(proxy, 'server.der', ocspError(3));
  const line = await proxy.line('changed TLS files cannot be used');
  assert.match(String(line['problem']), /server\.der holds no response, but the error 'tryLater'/);
  assert.deepEqual((await visit(proxy)).stapled, second);
  const refused = await proxy.reload();
  assert.equal(refused.status, 422);
  assert.match(
    refused.body.problems.join('\n'),
    /config\.yaml:\d+:\d+ listeners\[0\]\.tls\.certificates\[0\]\.ocsp – .*server\.der holds no response/,
  );
});

test('a response for the certificate before is not given with its successor, and the log says so', async (t) => {
  const proxy = await started(t);
  replace(proxy, 'server.der', ocspResponse(certificate));
  proxy.write(withTls({ certificates: [{ cert: 'server.crt', key: 'server.key', ocsp: 'server.der' }] }));
  assert.equal((await proxy.reload()).status, 200);
  replace(proxy, 'server.crt', renewed.certPem);
  replace(proxy, 'server.key', renewed.keyPem);
  const found = await eventually('new connections get the new certificate', async () => {
    const seen = await visit(proxy);
    return seen.names.includes('renewed.example') ? seen : undefined;
  });
  assert.equal(found.stapled, undefined);
  const line = await proxy.line('an OCSP response is of no use');
  assert.equal(line['problem'], 'is about another certificate');
});
