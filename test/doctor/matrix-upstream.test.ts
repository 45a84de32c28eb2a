// The matrix, second part: services that are not what the configuration says. The doctor names it first, by the diagnosis that calls get.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { join } from 'node:path';
import { test } from 'node:test';
import { Server, ServerCredentials } from '../../src/demo/grpc.ts';
import { createHealthService } from '../../src/demo/health-service.ts';
import type { CheckReport } from '../../src/doctor/check.ts';
import { dnsClient } from '../../src/names/dns-client.ts';
import { names } from '../../src/names/name-lookup.ts';
import { testCertificate } from '../support/certificates.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { goAway, settings } from '../support/frames.ts';
import { freePort } from '../support/free-port.ts';
import {
  answerUnimplemented,
  assertFirst,
  diagnoseBroken,
  folderOf,
  listening,
  type Sections,
  startHttp1,
  startHttp2,
  startSocketPeer,
  startTls,
} from './patient.ts';

/** @returns the upstream of the demo service with another protocol than it speaks */
function speaking(protocol: string): (endpoint: string) => Sections {
  return (endpoint) => ({ upstreams: { voice: { protocol, endpoints: [endpoint] } } });
}

test('nobody listens', async (t) => {
  const endpoint = `127.0.0.1:${await freePort()}`;
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.connect$/,
    says: /refused the connection/,
    code: 'FG2001',
  });
});

test('a name that DNS does not know', async (t) => {
  const dns = await startDnsServer(t);
  names.useServers([dns.address]);
  t.after(() => names.useServers(undefined));
  assertFirst(await diagnoseBroken(t, {}, { endpoint: 'missing.test:50051' }), {
    check: /^upstream\.voice\..*\.name$/,
    says: /is unknown to DNS/,
    code: 'FG2006',
  });
});

test('a followed name without records', async (t) => {
  const dns = await startDnsServer(t);
  dnsClient.useServers([dns.address]);
  t.after(() => dnsClient.useServers(undefined));
  const upstreams = { voice: { dns: { name: 'missing.test', port: 50_051 } } };
  assertFirst(await diagnoseBroken(t, { upstreams }), {
    check: /^upstream\.voice\.endpoints$/,
    says: /is unknown to DNS/,
    code: 'FG2006',
  });
});

test('a service with TLS behind protocol: h2c', async (t) => {
  const { address: endpoint } = await startTls(t, ['h2'], 'localhost', '127.0.0.1');
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /expects TLS: set protocol: h2/,
    code: 'FG2022',
  });
});

test('a service without TLS behind protocol: h2', async (t) => {
  assertFirst(await diagnoseBroken(t, speaking('h2')), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /does not speak TLS/,
    code: 'FG2031',
  });
});

test('a web server in place of the service', async (t) => {
  assertFirst(await diagnoseBroken(t, {}, { endpoint: await startHttp1(t) }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /answered HTTP\/1\.1/,
    code: 'FG2021',
  });
});

test('a service in place of the web server', async (t) => {
  assertFirst(await diagnoseBroken(t, speaking('http1')), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /answered GET \/ by HTTP\/2, not HTTP\/1\.1/,
    code: 'FG2041',
  });
});

test('a service that accepts and says nothing', async (t) => {
  const endpoint = await startSocketPeer(t, (socket) => socket.resume());
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /sent no SETTINGS in 2500 ms/,
    code: 'FG2004',
  });
});

test('a service that accepts and closes', async (t) => {
  const endpoint = await startSocketPeer(t, (socket) => socket.destroy());
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /accepted the connection and broke it off/,
    code: 'FG2002',
  });
});

test('a service that gives its connections up', async (t) => {
  const endpoint = await startSocketPeer(t, (socket) => {
    socket.write(Buffer.concat([settings(), goAway(0, 0, 'shutting down')]));
  });
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /gives them up before it answers a call/,
    code: 'FG2005',
  });
});

test('another protocol altogether', async (t) => {
  const endpoint = await startSocketPeer(t, (socket) => socket.write('220 mail.example ESMTP\r\n'));
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /neither HTTP\/2 nor HTTP\/1\.1/,
    code: 'FG2023',
  });
});

test('a certificate of an authority that the configuration does not name', async (t) => {
  const { address } = await startTls(t, ['h2'], 'localhost', '127.0.0.1');
  const upstreams = { voice: { protocol: 'h2', endpoints: [address] } };
  assertFirst(await diagnoseBroken(t, { upstreams }, { endpoint: address }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /issuer is unknown: name its authority in tls\.ca/,
    code: 'FG2033',
  });
});

test('a certificate for another name', async (t) => {
  const { address, ca } = await startTls(t, ['h2'], 'other.example');
  const upstreams = { voice: { protocol: 'h2', endpoints: [address], tls: { ca } } };
  assertFirst(await diagnoseBroken(t, { upstreams }, { endpoint: address }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /certificate of .* is for another name/,
    code: 'FG2034',
  });
});

test('a service with TLS that does not choose h2', async (t) => {
  const { address, ca } = await startTls(t, ['http/1.1'], 'localhost', '127.0.0.1');
  const upstreams = { voice: { protocol: 'h2', endpoints: [address], tls: { ca } } };
  assertFirst(await diagnoseBroken(t, { upstreams }, { endpoint: address }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /did not choose "h2" by ALPN/,
    code: 'FG2032',
  });
});

test('a service that says it does not serve', async (t) => {
  const health = createHealthService();
  health.setServing(false);
  const server = new Server();
  health.addToServer(server);
  const endpoint = `127.0.0.1:${await freePort()}`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.bindAsync(endpoint, ServerCredentials.createInsecure(), (error) =>
    error === null ? resolve() : reject(error),
  );
  await promise;
  t.after(() => server.forceShutdown());
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.health$/,
    says: /grpc\.health\.v1 says NOT_SERVING/,
  });
});

test('HTTP/2 that is no gRPC', async (t) => {
  const endpoint = await startHttp2(t, (stream) => {
    stream.respond({ ':status': 404, 'content-type': 'text/html' });
    stream.end('<h1>not found</h1>');
  });
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.health$/,
    says: /HTTP 404, an HTML page, without grpc-status/,
    code: 'FG3015',
  });
});

test('a service that takes no calls in', async (t) => {
  const endpoint = await startSocketPeer(t, (socket) => socket.write(settings([3, 0])));
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^upstream\.voice\..*\.protocol$/,
    says: /limit of streams 0/,
    code: 'FG2005',
  });
});

test('a route for a service with a slip of the pen', async (t) => {
  const routes = [{ name: 'voice', match: { path: '/voice.VoiceAssistent/*' }, upstream: 'voice' }];
  assertFirst(await diagnoseBroken(t, { routes }), {
    check: /^through\.services\.voice$/,
    says: /is for service voice\.VoiceAssistent, which its upstream does not have/,
  });
});

test('a service without a route', async (t) => {
  const routes = [{ name: 'health', match: { path: '/grpc.health.v1.Health/*' }, upstream: 'voice' }];
  assertFirst(await diagnoseBroken(t, { routes }), {
    check: /^through\.services\.voice$/,
    says: /no route leads to service voice\.VoiceAssistant/,
    verdict: 'warning',
    code: 'FG3001',
  });
});

test('a service whose response the proxy cannot pass on', async (t) => {
  // The direct client takes the long header field; the proxy has a limit.
  const endpoint = await startHttp2(t, (stream) => {
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': '12',
        'grpc-message': 'unknown',
        'x-long': 'x'.repeat(20_000),
      },
      { endStream: true },
    );
  });
  assertFirst(await diagnoseBroken(t, {}, { endpoint }), {
    check: /^through\.route\.voice$/,
    says: /RESOURCE_EXHAUSTED|INTERNAL|UNAVAILABLE/,
    code: 'FG3013',
  });
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a service that asks for a certificate, over ${version}`, async (t) => {
    const { certPem, keyPem, caPem, ca } = await testCertificate('localhost', '127.0.0.1');
    const server = createSecureServer({
      cert: certPem,
      key: keyPem,
      ca: caPem,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: version,
      maxVersion: version,
    });
    server.on('stream', answerUnimplemented);
    const endpoint = await listening(t, server);
    const upstreams = { voice: { protocol: 'h2', endpoints: [endpoint], tls: { ca } } };
    assertFirst(await diagnoseBroken(t, { upstreams }, { endpoint }), {
      check: /^upstream\.voice\..*\.protocol$/,
      says: /does it ask for a certificate \(tls\.cert and tls\.key/,
      code: 'FG2035',
    });
  });
}

for (const protocol of ['h2', 'http1']) {
  test(`a file of an upstream with ${protocol} over TLS that is not there is named, and Framegate is not to blame`, async (t) => {
    const { address } = await startTls(t, ['h2', 'http/1.1'], 'localhost', '127.0.0.1');
    const ca = join(folderOf(t), 'missing.crt');
    const upstreams = { voice: { protocol, endpoints: [address], tls: { ca } } };
    const reports = await diagnoseBroken(t, { upstreams }, { endpoint: address, holdSeconds: 1 });
    assertProtocolSays(reports, `${ca} cannot be read: there is no such file`);
  });
}

test('a key of an upstream that belongs to another certificate is named, and Framegate is not to blame', async (t) => {
  const { address, ca } = await startTls(t, ['h2'], 'localhost', '127.0.0.1');
  const [{ cert }, { key }] = [await testCertificate('a.example'), await testCertificate('b.example')];
  const upstreams = { voice: { protocol: 'h2', endpoints: [address], tls: { ca, cert, key } } };
  const reports = await diagnoseBroken(t, { upstreams }, { endpoint: address });
  assertProtocolSays(reports, 'the certificate and its key cannot be used: ');
});

test('a certificate of an upstream that is no PEM is named, and Framegate is not to blame', async (t) => {
  const { address, ca } = await startTls(t, ['h2'], 'localhost', '127.0.0.1');
  const { key } = await testCertificate('a.example');
  const cert = join(folderOf(t), 'x.crt');
  writeFileSync(cert, 'no certificate');
  const upstreams = { voice: { protocol: 'h2', endpoints: [address], tls: { ca, cert, key } } };
  const reports = await diagnoseBroken(t, { upstreams }, { endpoint: address });
  assertProtocolSays(reports, 'the certificate and its key cannot be used: ');
});

function assertProtocolSays(reports: readonly CheckReport[], text: string): void {
  const protocol = reports.find(({ id }) => /^upstream\.voice\..*\.protocol$/.test(id));
  assert.equal(protocol?.verdict, 'failed');
  assert.ok(protocol.findings[0].text.startsWith(text), protocol.findings[0].text);
  assert.ok(!JSON.stringify(reports).includes('fault of Framegate'));
}
