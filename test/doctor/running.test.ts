// A Framegate that runs already is found and examined itself; web services are compared, too.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import { HiddenValues } from '../../src/doctor/hidden-values.ts';
import { askSeen } from '../../src/doctor/running-proxy.ts';
import { testCertificate } from '../support/certificates.ts';
import { freePorts } from '../support/free-port.ts';
import { startDemo, startProxyOf } from '../support/proxy-under-test.ts';
import { assertFirst, diagnose, healthyConfig, listening, startHttp1 } from './patient.ts';

test('a running proxy holds its own ports, is examined, and tells of clients that it refused', async (t) => {
  const demo = await startDemo(t);
  const port = await freePorts(2);
  const { cert, key } = await testCertificate('localhost', '127.0.0.1');
  const config = await healthyConfig(demo.address, {
    listeners: [{ name: 'tls', address: `127.0.0.1:${port}`, tls: { certificates: [{ cert, key }] } }],
    admin: { address: `127.0.0.1:${port + 1}` },
    log: { level: 'warn' },
  });
  const proxy = await startProxyOf(t, JSON.stringify(config));
  const socket = connect({ host: '127.0.0.1', port });
  t.after(() => socket.destroy());
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  await proxy.line(({ token }) => token === 'plaintext_on_tls_port');
  const reports = await diagnose(t, { config });
  const textOf = (id: string): string =>
    reports
      .filter((report) => report.id === id)
      .flatMap(({ findings }) => findings.map(({ text }) => text))
      .join('\n');
  assert.match(textOf(`ports.127.0.0.1:${port}`), /held by the Framegate that runs with test\.yaml/);
  assert.match(textOf('through.proxy'), /Framegate runs with test\.yaml/);
  assert.match(textOf('through.listener.tls'), /ALPN chooses “h2”/);
  assert.match(textOf('through.route.voice'), /the same answer: UNIMPLEMENTED/);
  assertFirst(reports, {
    check: /^guesses\.tls$/,
    says: /^before this run, the running proxy has refused 1 client for this lately, last 127\.0\.0\.1:\d+ at \d{4}-\d\d-\d\dT/,
    verdict: 'warning',
    code: 'FG1001',
  });
});

test('the versions of clients are those that a running proxy has counted, with what is known of them', async (t) => {
  const demo = await startDemo(t);
  const port = await freePorts(2);
  const config = await healthyConfig(demo.address, {
    listeners: [{ name: 'clear', address: `127.0.0.1:${port}` }],
    admin: { address: `127.0.0.1:${port + 1}` },
    log: { level: 'warn' },
  });
  await startProxyOf(t, JSON.stringify(config));
  for (const userAgent of ['grpc-go/1.66.2', 'grpc-go/1.67.0', 'tonic/0.12.3', 'x\u00ff'.repeat(200)]) {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    t.after(() => session.destroy());
    const request = session.request({
      ':method': 'POST',
      ':path': '/voice.VoiceAssistant/Say',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': userAgent,
    });
    request.end();
    await once(request.resume(), 'close');
  }
  const reports = await diagnose(t, { config });
  const versions = reports.find(({ id }) => id === 'guesses.versions');
  const texts = versions?.findings.map(({ text }) => text) ?? [];
  assert.equal(texts[0], 'nothing speaks for it');
  assert.match(
    texts[1],
    /^clients of the running proxy: tonic 0\.12\.3 \(1 connection, the last at \d{4}-[^)]*Z\)$/,
  );
  assert.match(
    texts[2],
    /grpc-go 1\.67\.0 \(1 connection, .*\): it refuses TLS servers that do not choose “h2”/,
  );
  assert.match(texts[3], /grpc-go 1\.66\.2 \(1 connection, .*\): it accepts TLS servers/);
});

test('the probes of a run are not told as clients that were refused', async (t) => {
  const demo = await startDemo(t);
  const port = await freePorts(2);
  const { cert, key } = await testCertificate('localhost', '127.0.0.1');
  const config = await healthyConfig(demo.address, {
    listeners: [{ name: 'tls', address: `127.0.0.1:${port}`, tls: { certificates: [{ cert, key }] } }],
    admin: { address: `127.0.0.1:${port + 1}` },
    log: { level: 'warn' },
  });
  const proxy = await startProxyOf(t, JSON.stringify(config));
  const reports = await diagnose(t, { config });
  await proxy.line(({ token }) => token === 'plaintext_on_tls_port');
  assert.equal(reports.find(({ id }) => id === 'guesses.tls')?.verdict, 'ok');
  // A later run knows those of an earlier one, too.
  const later = await diagnose(t, { config });
  assert.equal(later.find(({ id }) => id === 'guesses.tls')?.verdict, 'ok', JSON.stringify(later));
});

test('a web service is compared directly and through the proxy', async (t) => {
  const endpoint = await startHttp1(t);
  const config = await healthyConfig(endpoint, {
    upstreams: { voice: { protocol: 'http1', endpoints: [endpoint] } },
    routes: [{ name: 'web', match: { path: '/*' }, upstream: 'voice' }],
  });
  const reports = await diagnose(t, { config });
  const route = reports.find(({ id }) => id === 'through.route.web');
  assert.match(route?.findings[0].text ?? '', /GET \/ has the same answer: “HTTP\/1\.1 200 OK”/);
});

function webRouteFor(client: string, name: string, path: string): object {
  return { name, match: { path }, upstream: 'web', access: { allow: [{ client }] } };
}

test('a status of a web service is not taken for a refusal of the proxy that another client got', async (t) => {
  // It refuses what comes through a proxy.
  const endpoint = await listening(
    t,
    createServer(({ headers }, response) => {
      const isForwarded = headers['x-forwarded-for'] !== undefined;
      response.writeHead(isForwarded ? 403 : 200).end(isForwarded ? 'Forbidden' : 'a page');
    }),
  );
  const port = await freePorts(2);
  const config = await healthyConfig(endpoint, {
    listeners: [{ name: 'clear', address: `127.0.0.1:${port}` }],
    admin: { address: `127.0.0.1:${port + 1}` },
    upstreams: { web: { protocol: 'http1', endpoints: [endpoint] } },
    routes: [webRouteFor('127.0.0.0/8', 'open', '/*'), webRouteFor('192.0.2.0/24', 'closed', '/closed/*')],
  });
  await startProxyOf(t, JSON.stringify(config));
  const refused = await fetch(`http://127.0.0.1:${port}/closed/`);
  assert.match(await refused.text(), /\(FG3039\)\n$/);
  const reports = await diagnose(t, { config });
  const [open] = reports.find(({ id }) => id === 'through.route.open')?.findings ?? [];
  assert.equal(open?.verdict, 'failed');
  assert.match(open.text, /directly “HTTP\/1\.1 200 OK”, through the proxy “HTTP\/1\.1 403 Forbidden”$/);
  const [closed] = reports.find(({ id }) => id === 'through.route.closed')?.findings ?? [];
  assert.equal(closed?.verdict, 'ok');
  assert.match(closed.text, /as configured: GET \/closed\/: “HTTP\/1\.1 403 .*\(access of the route\)$/);
});

test('a configuration that cannot be used leaves no group without a word', async (t) => {
  const reports = await diagnose(t, { config: 'listeners: 7\n', target: await startHttp1(t) });
  const skipped = reports.filter(({ verdict }) => verdict === 'skipped').map(({ group }) => group);
  for (const group of ['ports', 'certificates', 'upstream', 'through', 'host'] as const)
    assert.ok(skipped.includes(group), group);
  assert.equal(reports.find(({ id }) => id === 'target.protocol')?.verdict, 'failed');
});

test('of an endless diagnosis of what holds the admin port only the beginning is read, and no secret in it is shown', async (t) => {
  let body = '';
  const server = createServer((_request, response) => response.end(body));
  const port = Number((await listening(t, server)).split(':').at(-1));
  const secret = 'Sup3rS3cretKey';
  const ask = async (sentence: string, entries = 1): Promise<readonly string[]> => {
    body = JSON.stringify({
      recent: Array.from({ length: entries }, () => ({
        token: 'no_route',
        code: 'FG3001',
        sentence,
        client: '1',
        count: 1,
      })),
    });
    const address = { kind: 'tcp', host: '127.0.0.1', port, text: `127.0.0.1:${port}` } as const;
    return (await askSeen({ address })).diagnoses.map((seen) => seen.sentence);
  };
  const [long] = await ask('se'.repeat(500_000));
  assert.equal(long, `${'se'.repeat(300)}…`);
  const [cut] = await ask(`${'x'.repeat(590)}${secret}`);
  assert.equal(new HiddenValues([secret]).hide(cut), `${'x'.repeat(590)}(hidden)…`);
  assert.equal((await ask('a', 3000)).length, 256);
  assert.deepEqual(await ask('se'.repeat(5_000_000)), []);
});
