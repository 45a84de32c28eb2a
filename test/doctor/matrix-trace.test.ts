// The matrix, part six: the collector of traces, and routes that the proxy answers itself.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { status } from '../../src/demo/grpc.ts';
import type { CheckReport } from '../../src/doctor/check.ts';
import { testCertificate } from '../support/certificates.ts';
import { type Misbehave, startGrpcCollector, startHttpCollector } from '../support/collector.ts';
import { freePort } from '../support/free-port.ts';
import { assertFirst, diagnoseBroken, listening, startSocketPeer } from './patient.ts';

const SECRET = 'Bearer of-the-collector';
const CHECK = /^trace\.collector$/;

function diagnose(t: TestContext, exporter: string): Promise<readonly CheckReport[]> {
  return diagnoseBroken(t, { trace: { exporter, headers: { authorization: SECRET } } }, { only: ['trace'] });
}

function answering(httpStatus: number): Misbehave {
  return (response) => {
    response.writeHead(httpStatus, { 'x-said': SECRET }).end(SECRET);
    return true;
  };
}

function assertGood(reports: readonly CheckReport[]): void {
  const [report] = reports.filter(({ id }) => CHECK.test(id));
  assert.equal(report?.verdict, 'ok', JSON.stringify(report));
  assert.match(report?.findings[0]?.text ?? '', /takes an export without spans/);
}

test('a collector that takes spans passes, over HTTP and gRPC, and is sent the header fields', async (t) => {
  for (const collector of [await startHttpCollector(t), await startGrpcCollector(t)]) {
    assertGood(await diagnose(t, collector.exporter));
    assert.deepEqual([collector.requests, collector.spans.length], [1, 0]);
    assert.ok(JSON.stringify(collector.headers).includes(SECRET));
  }
});

/** What a handler for requests does that has no need of chunks: reads content-length and as many bytes. */
function startWithoutChunks(t: TestContext, without: string): Promise<string> {
  return startSocketPeer(t, (socket) => {
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      const [, length] = /\r\ncontent-length: (\d+)\r\n/i.exec(text) ?? [];
      if (length === undefined) socket.end(`HTTP/1.1 ${without}\r\ncontent-length: 0\r\n\r\n`);
      else if (text.length - text.indexOf('\r\n\r\n') - 4 >= Number(length))
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
}

test('a collector that cannot read chunks does not pass, since the exporter sends its spans in chunks', async (t) => {
  for (const [without, says] of [
    ['411 Length Required', /does not read requests that are sent in chunks \(HTTP 411\)/],
    ['501 Not Implemented', /does not read requests that are sent in chunks \(HTTP 501\)/],
    ['400 Bad Request', /did not take an export without spans \(HTTP 400\)/],
  ] as const)
    assertFirst(await diagnose(t, `http://${await startWithoutChunks(t, without)}`), {
      check: CHECK,
      says,
      remedy: /chunk/,
    });
});

test('the export of the doctor is no empty message, and is sent as the exporter sends it', async (t) => {
  const bodies: Buffer[] = [];
  let head: IncomingHttpHeaders = {};
  const server = createServer((request, response) => {
    head = request.headers;
    request.on('data', (chunk: Buffer) => bodies.push(chunk));
    request.on('end', () => response.end());
  });
  assertGood(await diagnose(t, `http://${await listening(t, server)}`));
  assert.equal(head['transfer-encoding'], 'chunked');
  assert.equal(head['content-length'], undefined);
  assert.equal(head.connection, 'keep-alive');
  const body = Buffer.concat(bodies);
  assert.match(body.toString('latin1'), /service\.name.*framegate-doctor$/s);
  // The outermost field has all of the rest.
  assert.deepEqual([body[0], body[1]], [0x0a, body.length - 2]);
});

test('a collector that nobody listens for', async (t) => {
  for (const scheme of ['http', 'grpc'])
    assertFirst(await diagnose(t, `${scheme}://127.0.0.1:${await freePort()}`), {
      check: CHECK,
      says: /refused the connection: .*\? Meanwhile calls go on, and their spans are lost\.$/,
      remedy: /^start the collector, or correct `trace\.exporter`/,
    });
});

test('a collector that refuses its key, or has no traces: what it says is not repeated', async (t) => {
  for (const [exporter, says] of [
    [(await startHttpCollector(t, answering(401))).exporter, /refuses the export \(HTTP 401\)/],
    [(await startHttpCollector(t, answering(404))).exporter, /takes no traces there \(HTTP 404\)/],
    [(await startHttpCollector(t, answering(400))).exporter, /did not take an export .*\(HTTP 400\)/],
    [
      (await startGrpcCollector(t, status.UNAUTHENTICATED)).exporter,
      /refuses the export \(UNAUTHENTICATED\)/,
    ],
    [(await startGrpcCollector(t, status.UNIMPLEMENTED)).exporter, /takes no traces there \(UNIMPLEMENTED\)/],
  ] as const) {
    const reports = await diagnose(t, exporter);
    assertFirst(reports, { check: CHECK, says });
    assert.ok(!JSON.stringify(reports).includes('of-the-collector'));
  }
});

test('the port for gRPC named with http://, and that for HTTP named with grpc://', async (t) => {
  const [grpc, http] = [await startGrpcCollector(t), await startHttpCollector(t)];
  assertFirst(await diagnose(t, grpc.exporter.replace('grpc:', 'http:')), {
    check: CHECK,
    says: /does not speak HTTP\/1\.1/,
  });
  assertFirst(await diagnose(t, http.exporter.replace('http:', 'grpc:')), {
    check: CHECK,
    says: /does not speak gRPC/,
  });
});

test('a server with an untrusted certificate is not sent the header fields', async (t) => {
  const { cert, key } = await testCertificate('localhost');
  let bytes = 0;
  const server = createTlsServer(
    { cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ['h2', 'http/1.1'] },
    (socket) => socket.on('error', () => undefined).on('data', (chunk: Buffer) => (bytes += chunk.length)),
  );
  const address = await listening(t, server);
  for (const scheme of ['https', 'grpcs'])
    assertFirst(await diagnose(t, `${scheme}://${address}`), { check: CHECK, says: /is not trusted/ });
  assert.equal(bytes, 0);
});

test('a port that never answers, and one that is not for TLS', async (t) => {
  const silent = await startSocketPeer(t, (socket) => socket.resume());
  assertFirst(await diagnose(t, `http://${silent}`), { check: CHECK, says: /did not answer in \d+ ms/ });
  const plain = await startHttpCollector(t);
  assertFirst(await diagnose(t, plain.exporter.replace('http:', 'https:')), {
    check: CHECK,
    says: /no TLS handshake/,
  });
});

test('the calls of the doctor through a temporary proxy are in no trace', async (t) => {
  const collector = await startHttpCollector(t);
  const trace = { exporter: collector.exporter, sample: '100%' };
  const reports = await diagnoseBroken(t, { trace }, { only: ['through'] });
  assert.ok(reports.some(({ id, verdict }) => id.startsWith('through.route.') && verdict === 'ok'));
  assert.equal(collector.requests, 0);
});

test('a route that the proxy answers itself is said to have no upstream', async (t) => {
  const routes = [
    { name: 'away', match: { path: '/old/*' }, redirect: { to: 'https://example.com' } },
    { name: 'here', match: { path: '/robots.txt' }, respond: { status: 200, body: 'none' } },
  ];
  const reports = await diagnoseBroken(t, { routes }, { only: ['through.route'] });
  for (const { name } of routes) {
    const report = reports.find(({ id }) => id === `through.route.${name}`);
    assert.match(report?.findings[0]?.text ?? '', /answers its calls itself/);
  }
});
