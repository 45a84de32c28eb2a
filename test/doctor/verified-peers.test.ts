// Who gets the header fields that a person gives the doctor: a peer that has shown who it is, by each connection anew, and nobody else.

import assert from 'node:assert/strict';
import { createServer as createHttp1Server } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { CheckReport } from '../../src/doctor/check.ts';
import { type Credentials, readCredentials } from '../../src/doctor/credentials.ts';
import type { TlsWish } from '../../src/doctor/dial.ts';
import { type CallWay, callGrpc } from '../../src/doctor/grpc-call.ts';
import { holdStream } from '../../src/doctor/hold-stream.ts';
import { getByHttp1 } from '../../src/doctor/http1-look.ts';
import { tryLargeRequest } from '../../src/doctor/large-request.ts';
import { testCertificate } from '../support/certificates.ts';
import { freePorts } from '../support/free-port.ts';
import { startDemo, startProxyOf } from '../support/proxy-under-test.ts';
import {
  answerUnimplemented,
  diagnose,
  diagnoseBroken,
  healthyConfig,
  listening,
  type Sections,
  startHttp2,
  startSocketPeer,
} from './patient.ts';

const SECRET = 'a-token-that-nobody-else-may-have';

function given(): Credentials {
  const credentials = readCredentials({ header: [`x-api-key:${SECRET}`] });
  assert.ok(typeof credentials !== 'string');
  return credentials;
}

/** A service that remembers what it was given of the header field. */
async function startCurious(
  t: TestContext,
  isTls: boolean,
): Promise<{ readonly address: string; readonly got: Set<unknown> }> {
  const got = new Set<unknown>();
  const address = await startHttp2(
    t,
    (stream, headers) => {
      got.add(headers['x-api-key']);
      if (headers[':path']?.includes('reflection') === true)
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      else answerUnimplemented(stream);
    },
    isTls,
  );
  return { address, got };
}

function upstreamsOf(endpoint: string, tls: Sections): Sections {
  return {
    upstreams: { voice: { protocol: 'h2', tls, endpoints: [endpoint] } },
    routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice' }],
  };
}

function textsOf(reports: readonly CheckReport[]): string {
  return reports.flatMap(({ findings }) => findings.map(({ text }) => text)).join('\n');
}

test('a service whose certificate is not trusted gets no header field, also where a stream is held', async (t) => {
  const { address, got } = await startCurious(t, true);
  const options = { endpoint: address, holdSeconds: 1, credentials: given() };
  const reports = await diagnoseBroken(t, upstreamsOf(address, {}), options);
  assert.match(
    textsOf(reports),
    /^directly: no stream was opened: its certificate is not trusted, so --header is not sent to it; this hop/m,
  );
  assert.ok(!got.has(SECRET), 'the header field was sent');
  const { ca } = await testCertificate('localhost', '127.0.0.1');
  await diagnoseBroken(t, upstreamsOf(address, { ca, serverName: 'localhost' }), options);
  assert.ok(got.has(SECRET), 'a trusted service must get it');
});

/** Every way to send a request with credentials. */
const SENDERS: readonly (readonly [
  name: string,
  send: (way: CallWay) => Promise<{ readonly failure?: string | undefined } | string | object>,
])[] = [
  ['a call', (way) => callGrpc(way, { path: '/a.B/C', message: Buffer.alloc(5), limitMs: 2000 })],
  [
    'a held stream',
    (way) =>
      holdStream(
        way,
        { path: '/a.B/C', message: undefined, isRequestOver: false, holdMs: 200 },
        new AbortController().signal,
      ),
  ],
  ['a large request', (way) => tryLargeRequest(way, '/a.B/C')],
  [
    'a GET',
    ({ address, tls, credentials }) =>
      getByHttp1(address, tls, { host: 'localhost', path: '/', credentials }, 500),
  ],
];

/** Counts the bytes that a client sends inside of TLS. */
async function startListener(
  t: TestContext,
  alpn: string,
): Promise<{ readonly address: string; readonly received: { text: string } }> {
  const { certPem, keyPem } = await testCertificate('localhost', '127.0.0.1');
  const received = { text: '' };
  const server = createTlsServer({ cert: certPem, key: keyPem, ALPNProtocols: [alpn] }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      received.text += bytes.toString('latin1');
    });
  });
  server.on('tlsClientError', () => undefined);
  return { address: await listening(t, server), received };
}

for (const [name, send] of SENDERS)
  test(`${name} with credentials is not sent by a connection whose peer is not verified`, async (t) => {
    const alpn = name === 'a GET' ? 'http/1.1' : 'h2';
    const { caPem } = await testCertificate('localhost', '127.0.0.1');
    const ca = Buffer.from(caPem);
    const wishes: readonly (readonly [TlsWish, boolean])[] = [
      [{ alpn: [alpn] }, false],
      [{ alpn: [alpn], ca, serverName: 'another.test' }, false],
      [{ alpn: [alpn], ca, publicKeys: new Set(['another']) }, false],
      [{ alpn: [alpn], ca, serverName: 'localhost' }, true],
    ];
    for (const [tls, isSent] of wishes) {
      const { address, received } = await startListener(t, alpn);
      const [host, port] = address.split(':');
      const result = await send({
        address: { kind: 'tcp', host, port: Number(port), text: address },
        tls,
        authority: 'localhost',
        credentials: given().headers,
      });
      assert.equal(!JSON.stringify(result).includes('peer_not_verified'), isSent, JSON.stringify(result));
      assert.equal(received.text !== '', isSent, received.text);
    }
  });

/** The configuration of a proxy with a TLS listener that has ended. Others hold its ports, and answer as it would. */
async function startImpostor(
  t: TestContext,
): Promise<{ readonly config: Sections; readonly got: Set<unknown> }> {
  const demo = await startDemo(t);
  const { address, got } = await startCurious(t, true);
  const answer = { epoch: 1, config: { file: '', listeners: [{ address: { text: address } }] }, recent: [] };
  const admin = await listening(
    t,
    createHttp1Server((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    }),
  );
  const { cert, key } = await testCertificate('of-the-proxy.test');
  const config = await healthyConfig(demo.address, {
    listeners: [{ name: 'tls', address, tls: { certificates: [{ cert, key }] } }],
    routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice' }],
    admin: { address: admin },
  });
  return { config, got };
}

test('who holds the ports of a proxy that has ended gets no header field', async (t) => {
  const { config, got } = await startImpostor(t);
  const options = { config, credentials: given(), only: ['through', 'hold'], holdSeconds: 1 };
  const reports = await diagnose(t, options);
  const says = (id: string): string => textsOf(reports.filter((report) => report.id === id));
  assert.match(says('through.listener.tls'), /^it shows a certificate with another key than/m);
  assert.match(
    says('through.route.all'),
    /^listener 'tls' was not called: .*, so --header is not sent to it$/,
  );
  assert.match(says('hold.stream'), /through the proxy: no stream was opened: it shows a certificate/);
  assert.ok(!got.has(SECRET));
});

test('a running proxy with the key of its configuration gets the header fields, although nobody trusts its certificate', async (t) => {
  const { address, got } = await startCurious(t, false);
  const port = await freePorts(2);
  const { cert, key } = await testCertificate('of-the-proxy.test');
  const config = await healthyConfig(address, {
    listeners: [{ name: 'tls', address: `127.0.0.1:${port}`, tls: { certificates: [{ cert, key }] } }],
    admin: { address: `127.0.0.1:${port + 1}` },
    log: { level: 'warn' },
  });
  await startProxyOf(t, JSON.stringify(config));
  const options = { config, credentials: given(), only: ['through'] };
  const reports = await diagnose(t, options);
  assert.match(textsOf(reports), /the same answer: UNIMPLEMENTED/);
  assert.doesNotMatch(textsOf(reports), /another key/);
  assert.ok(got.has(SECRET));
});

/** Not an address of loopback by its text, and one of this machine all the same. */
const ANOTHER_HOST = '0.0.0.0';

test('a target without a scheme gets header fields in plaintext on this machine alone, and with --ca nowhere', async (t) => {
  const { caPem } = await testCertificate('localhost', '127.0.0.1');
  const ca = Buffer.from(caPem);
  for (const [scheme, host, options, isSent] of [
    ['', '127.0.0.1', {}, true],
    ['', '127.0.0.1', { ca }, false],
    ['', ANOTHER_HOST, {}, false],
    ['dns:///', ANOTHER_HOST, {}, false],
    ['http://', ANOTHER_HOST, {}, true],
  ] as const) {
    const { address, got } = await startCurious(t, false);
    const target = `${scheme}${address.replace('127.0.0.1', host)}`;
    const reports = await diagnose(t, { target, only: ['target'], credentials: given(), ...options });
    const says = `${target} ${textsOf(reports)}`;
    assert.equal(got.has(SECRET), isSent, says);
    const protocol = reports.find(({ id }) => id === 'target.protocol');
    assert.equal(protocol?.verdict === 'failed', !isSent, says);
    if (!isSent)
      assert.match(says, /and no TLS: --header is not sent to it in plaintext, as (?:--ca|it is on) /);
  }
});

test('a target without a scheme is called in plaintext as before where no header field is given', async (t) => {
  const { address, got } = await startCurious(t, false);
  const reports = await diagnose(t, { target: address.replace('127.0.0.1', ANOTHER_HOST), only: ['target'] });
  assert.match(textsOf(reports), /^plaintext HTTP\/2$/m);
  assert.equal(got.size, 1);
});

test('a target that speaks both gets header fields over TLS alone', async (t) => {
  const [inPlaintext, overTls] = [await startCurious(t, false), await startCurious(t, true)];
  const portOf = ({ address }: typeof overTls): number => Number(address.split(':')[1]);
  // The first byte tells the protocol, as at a port that serves both.
  const both = await startSocketPeer(t, (socket) => {
    socket.once('data', (bytes: Buffer) => {
      socket.pause();
      const behind = connect(portOf(bytes[0] === 22 ? overTls : inPlaintext), '127.0.0.1');
      behind.on('error', () => undefined);
      behind.write(bytes);
      socket.pipe(behind).pipe(socket);
    });
  });
  const { caPem } = await testCertificate('localhost', '127.0.0.1');
  await diagnose(t, { target: both, only: ['target'], credentials: given(), ca: Buffer.from(caPem) });
  assert.deepEqual([inPlaintext.got.has(SECRET), overTls.got.has(SECRET)], [false, true]);
});
