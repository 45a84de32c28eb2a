// x-forwarded-client-cert: what services are told of the certificates of clients, and what clients cannot make them believe.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { listen } from '../edges/edge-under-test.ts';
import { testCertificate } from '../support/certificates.ts';
import { writeClientCertificates } from '../support/client-certificates.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawServer } from '../support/raw-server.ts';

const XFCC = 'x-forwarded-client-cert';
const FORGED = 'By=spiffe://example.org/proxy;Hash=00;URI=spiffe://example.org/admin';
const files = mkdtempSync(join(tmpdir(), 'framegate-xfcc-'));
await writeClientCertificates(files);
after(() => rmSync(files, { recursive: true, force: true }));
const pem = (name: string): Buffer => readFileSync(join(files, name));
const certificateOf = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });
const hash = new X509Certificate(pem('spiffe.crt')).fingerprint256.replaceAll(':', '').toLowerCase();
const SPIFFE = `Hash=${hash};Subject="O=Example,CN=edge-1";URI=spiffe://example.org/edge/1;DNS=edge-1.example.org`;

interface Settings {
  readonly forward?: object;
  readonly trustedClients?: readonly string[];
}

async function start(
  t: TestContext,
  upstream: object,
  { forward, trustedClients = [] }: Settings,
): Promise<ProxyUnderTest> {
  const { cert, key } = await testCertificate('localhost', '127.0.0.1');
  const clientAuth = { ca: join(files, 'ca.crt'), mode: 'request', ...(forward && { forward }) };
  const tls = { certificates: [{ cert, key }], clientAuth };
  return startProxy(t, {
    sections: {
      listeners: [{ name: 'tls', address: '127.0.0.1:0', tls, trustedClients }],
      routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice', grpcWeb: !('protocol' in upstream) }],
      upstreams: { voice: upstream },
    },
  });
}

async function startGrpc(
  t: TestContext,
  settings: Settings,
): Promise<{ proxy: ProxyUnderTest; service: RawServer }> {
  const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  return { proxy: await start(t, { endpoints: [service.address] }, settings), service };
}

type Client = { readonly cert: Buffer; readonly key: Buffer };

/** Calls over HTTP/2, several times on one connection, so that what is remembered of its header fields is used. */
async function callHttp2(
  proxy: ProxyUnderTest,
  client: Client | undefined,
  headers: Readonly<Record<string, string | string[]>> = {},
  times = 3,
): Promise<void> {
  const session = connect(`https://localhost:${proxy.port('tls')}`, { ca: proxy.caPem, ...client });
  try {
    for (let index = 0; index < times; index++) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/a.B/C',
        'content-type': 'application/grpc',
        te: 'trailers',
        'x-call': String(index),
        ...headers,
      });
      stream.end(grpcMessage(Buffer.alloc(0)));
      stream.resume();
      await new Promise((resolve, reject) => void stream.once('end', resolve).once('error', reject));
    }
  } finally {
    session.close();
  }
}

async function callWeb(proxy: ProxyUnderTest, client: Client | undefined, headers: object): Promise<void> {
  const body = grpcMessage(Buffer.alloc(0));
  await new Promise<void>((resolve, reject) => {
    const request = requestHttps(
      {
        host: 'localhost',
        port: proxy.port('tls'),
        path: '/a.B/C',
        method: 'POST',
        ca: proxy.caPem,
        agent: false,
        ...client,
        headers: { 'content-type': 'application/grpc-web+proto', 'content-length': body.length, ...headers },
      },
      (response) => response.resume().on('end', resolve),
    );
    request.on('error', reject);
    request.end(body);
  });
}

function told({ requests }: RawServer): readonly (readonly string[])[] {
  return requests.map(({ fields }) =>
    fields.flatMap(([name, value]) => (name.replaceAll('_', '-') === XFCC ? [value] : [])),
  );
}

test('services are told of the certificate, and what a client claims is gone, over HTTP/2 and gRPC-Web', async (t) => {
  const { proxy, service } = await startGrpc(t, { forward: {} });
  const client = certificateOf('spiffe');
  await callHttp2(proxy, client);
  await callHttp2(proxy, client, { [XFCC]: FORGED, x_forwarded_client_cert: FORGED });
  await callHttp2(proxy, client, { [XFCC]: [FORGED, FORGED] });
  await callWeb(proxy, client, { [XFCC]: FORGED });
  assert.equal(service.requests.length, 10);
  for (const values of told(service)) assert.deepEqual(values, [SPIFFE]);
});

test('a client without a certificate cannot claim one, with forwarding and without', async (t) => {
  for (const settings of [{ forward: {} }, {}]) {
    const { proxy, service } = await startGrpc(t, settings);
    await callHttp2(proxy, undefined, { [XFCC]: FORGED, x_forwarded_client_cert: FORGED });
    await callWeb(proxy, undefined, { [XFCC]: FORGED });
    assert.deepEqual(told(service), [[], [], [], []]);
  }
});

test('without forwarding a certificate is told to nobody', async (t) => {
  const { proxy, service } = await startGrpc(t, {});
  await callHttp2(proxy, certificateOf('spiffe'), { [XFCC]: FORGED }, 1);
  assert.deepEqual(told(service), [[]]);
});

test('what a trusted client says goes before its own certificate, or stays alone', async (t) => {
  const before = 'Hash=11;URI=spiffe://example.org/edge/7';
  const cases: readonly [
    trusted: string,
    client: Client | undefined,
    sent: string | undefined,
    told: string[],
  ][] = [
    ['append', certificateOf('spiffe'), before, [`${before},${SPIFFE}`]],
    ['append', certificateOf('spiffe'), undefined, [SPIFFE]],
    ['append', undefined, before, [before]],
    ['keep', certificateOf('spiffe'), before, [before]],
    ['keep', certificateOf('spiffe'), undefined, [SPIFFE]],
    ['keep', undefined, undefined, []],
  ];
  for (const [trusted, client, sent, expected] of cases) {
    const { proxy, service } = await startGrpc(t, {
      forward: { fromTrustedClients: trusted },
      trustedClients: ['127.0.0.1/32', '::1/128'],
    });
    await callHttp2(proxy, client, sent === undefined ? {} : { [XFCC]: sent });
    await callWeb(proxy, client, sent === undefined ? {} : { [XFCC]: sent });
    for (const values of told(service)) assert.deepEqual(values, expected, `${trusted} ${sent}`);
    assert.equal(service.requests.length, 4);
  }
});

test('the fields that the configuration asks for are told, in the order of Envoy', async (t) => {
  const { proxy, service } = await startGrpc(t, { forward: { fields: ['uri', 'cert', 'hash'] } });
  await callHttp2(proxy, certificateOf('spiffe'), {}, 1);
  const [[value]] = told(service);
  assert.match(value, new RegExp(`^Hash=${hash};Cert="[^"]+";URI=spiffe://example.org/edge/1$`));
});

test('an HTTP/1.1 service is told the same, and a client cannot claim it in trailers', async (t) => {
  const seen: { readonly header: unknown; readonly trailers: unknown }[] = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      seen.push({ header: request.headers[XFCC], trailers: { ...request.trailers } });
      response.end('here');
    });
  });
  const endpoint = `127.0.0.1:${await listen(t, server)}`;
  const proxy = await start(t, { protocol: 'http1', endpoints: [endpoint] }, { forward: {} });
  const session = connect(`https://localhost:${proxy.port('tls')}`, {
    ca: proxy.caPem,
    ...certificateOf('spiffe'),
  });
  t.after(() => session.destroy());
  const stream = session.request(
    { ':method': 'POST', ':path': '/', [XFCC]: FORGED },
    { waitForTrailers: true },
  );
  stream.once('wantTrailers', () => stream.sendTrailers({ [XFCC]: FORGED, 'x-other': 'kept' }));
  stream.resume();
  stream.end('body');
  await new Promise((resolve, reject) => void stream.once('end', resolve).once('error', reject));
  assert.deepEqual(seen, [{ header: SPIFFE, trailers: { 'x-other': 'kept' } }]);
});
