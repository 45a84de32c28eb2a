// Clients that come again resume their session, across reloads and certificates and between servers with the same keys;
// after a rotation, or at another listener, they pay with a full handshake and are served all the same.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { TicketKeys } from '../../src/listeners/ticket-keys.ts';
import { testCertificate } from '../support/certificates.ts';
import { handshake, type ListenerTestOptions, listen } from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const another = await testCertificate('localhost', 'another.test');
const trust = { ca: certificate.caPem, servername: 'localhost', ALPNProtocols: ['h2'] };
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

function listenTls(context: TestContext, options: ListenerTestOptions = {}) {
  return listen(context, { certificates: [certificate], ...options });
}

/** What a client may resume later. In TLS 1.3 it comes after the handshake. */
async function sessionOf(port: number, options: ConnectionOptions): Promise<Buffer> {
  const client = connect({ host: '127.0.0.1', port, ...options });
  try {
    return await new Promise((resolve, reject) => {
      client.once('session', resolve);
      client.once('error', reject);
    });
  } finally {
    client.destroy();
  }
}

async function isResumed(port: number, options: ConnectionOptions, session: Buffer): Promise<boolean> {
  const client = await handshake(port, { ...options, session });
  const isReused = client.isSessionReused();
  client.destroy();
  return isReused;
}

for (const version of VERSIONS) {
  const client = { ...trust, maxVersion: version };

  test(`a ${version} client resumes its session, with one certificate and with several`, async (context) => {
    for (const certificates of [[certificate], [certificate, another]]) {
      const { port } = await listenTls(context, { certificates });
      for (const servername of ['localhost', 'another.test']) {
        const options = { ...client, servername, rejectUnauthorized: false };
        assert.equal(await isResumed(port, options, await sessionOf(port, options)), true);
      }
    }
  });

  test(`a ${version} client resumes its session after its certificate was replaced`, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-tickets-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const files = { cert: join(folder, 'server.crt'), key: join(folder, 'server.key') };
    const install = ({ cert, key }: typeof certificate) => {
      copyFileSync(cert, files.cert);
      copyFileSync(key, files.key);
    };
    install(certificate);
    const { listener, port } = await listenTls(context, { certificates: [files] });
    const session = await sessionOf(port, client);
    install(another);
    const change = await listener.prepare();
    assert.ok(change !== undefined);
    await change.commit();
    const fresh = await handshake(port, client);
    assert.match(fresh.getPeerCertificate().subjectaltname ?? '', /another\.test/);
    fresh.destroy();
    assert.equal(await isResumed(port, client, session), true);
  });

  test(`a ${version} client resumes its session after a reload that changes how connections are served`, async (context) => {
    const { listener, port } = await listenTls(context);
    const session = await sessionOf(port, client);
    const change = await listener.prepare({ ...listener.config, trustedClients: ['127.0.0.1'] });
    assert.ok(change !== undefined);
    await change.commit();
    assert.equal(await isResumed(port, client, session), true);
  });

  test(`a ${version} client resumes its session at another server that has the same keys, and only there`, async (context) => {
    const ticketKeys = new TicketKeys();
    const copied = new TicketKeys();
    copied.use(ticketKeys.current);
    const first = await listenTls(context, { ticketKeys });
    const second = await listenTls(context, { ticketKeys: copied });
    const stranger = await listenTls(context);
    const session = await sessionOf(first.port, client);
    assert.equal(await isResumed(second.port, client, session), true);
    assert.equal(await isResumed(stranger.port, client, session), false);
  });

  test(`a ${version} client is served anew after a rotation, and can resume from then on`, async (context) => {
    const ticketKeys = new TicketKeys();
    const { port } = await listenTls(context, { ticketKeys });
    const session = await sessionOf(port, client);
    ticketKeys.use(randomBytes(48));
    assert.equal(await isResumed(port, client, session), false);
    const renewed = await sessionOf(port, client);
    assert.equal(await isResumed(port, client, renewed), true);
  });

  test(`a ${version} session of one listener is none of another's, even with the same keys`, async (context) => {
    const ticketKeys = new TicketKeys();
    const one = await listenTls(context, { ticketKeys });
    const other = await listenTls(context, { ticketKeys, name: 'other' });
    const strict = await listenTls(context, { ticketKeys, unknownServerName: 'refuse' });
    const session = await sessionOf(one.port, client);
    assert.equal(await isResumed(one.port, client, session), true);
    assert.equal(await isResumed(other.port, client, session), false);
    assert.equal(await isResumed(strict.port, client, session), false);
  });
}
