// Client certificates through the whole proxy.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { status } from '../../src/demo/grpc.ts';
import { testCertificate } from '../support/certificates.ts';
import { writeClientCertificates } from '../support/client-certificates.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import { connectVoiceClient, metadataOf } from '../support/voice-client.ts';

const files = mkdtempSync(join(tmpdir(), 'framegate-client-certificates-'));
await writeClientCertificates(files);
after(() => rmSync(files, { recursive: true, force: true }));
const pem = (name: string): Buffer => readFileSync(join(files, name));
const certificateOf = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });

interface Scene {
  readonly proxy: ProxyUnderTest;
  /** A folder with a copy of the certificates, which the configuration names. */
  readonly folder: string;
  /** Calls once on a connection of its own. */
  readonly call: (
    certificate?: { readonly cert: Buffer; readonly key: Buffer },
    target?: string,
  ) => Promise<Outcome>;
  /** The sentences that the calls have got, in their order. */
  readonly sentences: readonly string[];
}

interface Outcome {
  readonly code: number;
  readonly subject: unknown;
}

async function start(
  t: TestContext,
  clientAuth: Readonly<Record<string, unknown>>,
  access: unknown,
  machines: object = {},
): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-clients-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(files, folder, { recursive: true });
  const demo = await startDemo(t);
  const certificates = [
    await testCertificate('localhost', '127.0.0.1'),
    await testCertificate('other.localhost', 'other.test'),
  ].map(({ cert, key }) => ({ cert, key }));
  const inFolder = Object.fromEntries(
    Object.entries(clientAuth).map(([name, value]) => [
      name,
      name === 'mode' ? value : join(folder, String(value)),
    ]),
  );
  const sections = {
    listeners: [{ name: 'tls', address: '127.0.0.1:0', tls: { certificates, clientAuth: inFolder } }],
    identities: { machines: { clientCertificate: { subject: 'x-echo-machine', ...machines } } },
    routes: [{ match: { path: '/*' }, upstream: 'voice', access }],
    reload: { certificates: '100ms' },
  };
  const proxy = await startProxy(t, { endpoints: [demo.address], sections });
  const sentences: string[] = [];
  const call: Scene['call'] = async (certificate, target = 'localhost') => {
    const client = connectVoiceClient({
      address: `localhost:${proxy.port('tls')}`,
      ca: proxy.caPem,
      ...(certificate && { certificate }),
      channel: { 'grpc.ssl_target_name_override': target },
    });
    const metadata = metadataOf(['x-echo-machine', 'mallory']);
    const { code, details, initialMetadata } = await client.say({}, { metadata, deadlineMs: 10_000 });
    client.close();
    sentences.push(details);
    return { code, subject: initialMetadata?.get('x-echo-machine')[0] };
  };
  return { proxy, folder, call, sentences };
}

const UNAVAILABLE: Outcome = { code: status.UNAVAILABLE, subject: undefined };

test('a client is known by the URI in its certificate, else by a DNS name, else by the subject', async (t) => {
  const { proxy, call } = await start(t, { ca: 'ca.crt', mode: 'require' }, { require: ['machines'] });
  const expected = {
    spiffe: 'spiffe://example.org/edge/1',
    dns: 'edge-2.example.org',
    plain: 'O=Example\\, Inc.,CN=edge-3',
    // RFC 5280 section 4.1.2.6 lets the subject be empty.
    unnamed: 'spiffe://example.org/edge/1',
  };
  for (const [name, subject] of Object.entries(expected))
    assert.deepEqual(await call(certificateOf(name)), { code: status.OK, subject });
  const records = await proxy.wantRecords(4);
  assert.deepEqual(
    records.map((record) => record['identity']),
    Object.values(expected).map((subject) => `machines:${subject}`),
  );
});

test('a client without a certificate, or with one of another authority, is turned away if it is required', async (t) => {
  const { proxy, call } = await start(t, { ca: 'ca.crt' }, { require: ['machines'] });
  const stranger = await testCertificate('edge-1.example.org');
  const other = { cert: Buffer.from(stranger.certPem), key: Buffer.from(stranger.keyPem) };
  // Both by the default certificate, and by one that SNI chooses.
  for (const target of ['localhost', 'other.test']) {
    assert.deepEqual(await call(undefined, target), UNAVAILABLE, target);
    assert.deepEqual(await call(other, target), UNAVAILABLE, target);
    assert.equal((await call(certificateOf('spiffe'), target)).code, status.OK, target);
  }
  await proxy.line(({ token }) => token === 'client_certificate_missing');
  const line = await proxy.line(({ token }) => token === 'client_certificate_not_trusted');
  assert.match(String(line['detail']), /UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|SELF_SIGNED/);
  assert.equal(line['code'], 'FG1030');
});

test('with mode request, access decides about clients without a valid certificate', async (t) => {
  const access = { allow: [{ identity: 'machines' }, { method: '/voice.VoiceAssistant/Fail' }] };
  const { proxy, call, sentences } = await start(t, { ca: 'ca.crt', mode: 'request' }, access);
  const stranger = await testCertificate('edge-1.example.org');
  const other = { cert: Buffer.from(stranger.certPem), key: Buffer.from(stranger.keyPem) };
  assert.equal((await call()).code, status.UNAUTHENTICATED);
  assert.equal((await call(other)).code, status.UNAUTHENTICATED);
  assert.equal(
    sentences.at(-1),
    'This call needs a client certificate. The client certificate of this connection is not accepted. (FG3034)',
  );
  assert.equal((await call(certificateOf('dns'))).code, status.OK);
  assert.match(
    (await proxy.wantRecords(3))[0].reason,
    /^credentials_missing: This call needs a client certificate\.$/,
  );
  const [, foreign] = await proxy.wantRecords(3);
  assert.match(
    foreign.reason,
    /^credentials_missing: This call needs a client certificate\. The client certificate of this connection is not accepted\. Why: [A-Z_]+\.$/,
  );
});

test('a SPIFFE id of another trust domain, or none, is not accepted', async (t) => {
  const own = await start(t, { ca: 'ca.crt' }, { require: ['machines'] }, { trustDomain: 'example.org' });
  assert.equal((await own.call(certificateOf('spiffe'))).code, status.OK);
  assert.equal((await own.call(certificateOf('dns'))).code, status.UNAUTHENTICATED);
  const other = await start(t, { ca: 'ca.crt' }, { require: ['machines'] }, { trustDomain: 'example.or' });
  assert.equal((await other.call(certificateOf('spiffe'))).code, status.UNAUTHENTICATED);
});

test('a revoked certificate is turned away, also after a reload of the list', async (t) => {
  const listed = await start(t, { ca: 'ca.crt', crl: 'clients.crl' }, { require: ['machines'] });
  assert.deepEqual(await listed.call(certificateOf('revoked')), UNAVAILABLE);
  assert.equal((await listed.call(certificateOf('spiffe'))).code, status.OK);
  const line = await listed.proxy.line(({ token }) => token === 'client_certificate_not_trusted');
  assert.equal(line['detail'], 'CERT_REVOKED');
});

test('a certificate without any name is valid, and shows nobody', async (t) => {
  const { proxy, call } = await start(t, { ca: 'ca.crt' }, { require: ['machines'] });
  assert.equal((await call(certificateOf('nameless'))).code, status.UNAUTHENTICATED);
  const [record] = await proxy.wantRecords(1);
  assert.match(record.reason, /neither a URI, nor a DNS name, nor a subject/);
});

test('each of several lists of revoked certificates counts, and of one authority the newest', async (t) => {
  for (const order of [
    ['older.crl', 'clients.crl'],
    ['clients.crl', 'older.crl'],
  ]) {
    writeFileSync(join(files, 'both.crl'), order.map((name) => pem(name).toString()).join('\n'));
    const { call } = await start(t, { ca: 'ca.crt', crl: 'both.crl' }, { require: ['machines'] });
    assert.deepEqual(await call(certificateOf('revoked')), UNAVAILABLE, String(order));
    assert.equal((await call(certificateOf('spiffe'))).code, status.OK);
  }
});

test('a session is not resumed once the authorities have changed, so that no ticket carries an identity across', async (t) => {
  const { proxy, folder } = await start(t, { ca: 'ca.crt' }, { require: ['machines'] });
  const visit = async (
    session?: Buffer,
  ): Promise<{ isResumed: boolean; isServed: boolean; session?: Buffer }> => {
    const socket: TLSSocket = connectTls({
      port: proxy.port('tls'),
      servername: 'localhost',
      ca: proxy.caPem,
      ALPNProtocols: ['h2'],
      ...certificateOf('spiffe'),
      ...(session && { session }),
    });
    let given: Buffer | undefined;
    socket.on('session', (bytes: Buffer) => {
      given = bytes;
    });
    let isServed = false;
    const client = connectHttp2('https://localhost', { createConnection: () => socket });
    client.on('error', () => undefined);
    client.on('remoteSettings', () => {
      isServed = true;
    });
    await eventually(
      'an end of the handshake',
      () => socket.destroyed || (isServed && (session ?? given) !== undefined),
    );
    const isResumed = socket.isSessionReused();
    client.destroy();
    return { isResumed, isServed, ...(given && { session: given }) };
  };
  const first = await visit();
  assert.ok(first.isServed && first.session !== undefined);
  const second = await visit(first.session);
  assert.deepEqual([second.isResumed, second.isServed], [true, true]);
  const { caPem } = await testCertificate('localhost', '127.0.0.1');
  writeFileSync(join(folder, 'ca.crt'), caPem);
  await eventually('the new authority', async () => !(await visit(first.session)).isServed);
});
