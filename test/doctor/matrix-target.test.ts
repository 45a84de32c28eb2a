// The matrix, third part: ports of others, as TARGET, that serve gRPC badly or not at all. The same with real nginx and Envoy is in
// test/deploy/doctor.

import assert from 'node:assert/strict';
import { constants, createSecureServer } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer, rootCertificates, type TLSSocket, type TlsOptions } from 'node:tls';
import { readCredentials } from '../../src/doctor/credentials.ts';
import { testCertificate } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { startDemo, startProxy } from '../support/proxy-under-test.ts';
import {
  type Answer,
  answerUnimplemented,
  assertFirst,
  diagnose,
  diagnoseBroken,
  healthyConfig,
  listening,
  startHttp1,
  startHttp2,
  startSocketPeer,
  startTls,
} from './patient.ts';

const html: Answer = (stream) => {
  stream.respond({ ':status': 404, 'content-type': 'text/html', server: 'nginx/1.22.1' });
  stream.end('<h1>not found</h1>');
};

test('a target that is a service without fault has nothing to name', async (t) => {
  const { address } = await startDemo(t);
  const reports = await diagnose(t, { target: address });
  assert.ok(
    reports.every(({ verdict }) => verdict !== 'warning' && verdict !== 'failed'),
    JSON.stringify(reports),
  );
});

test('an insecure channel against a port with TLS', async (t) => {
  const address = await startHttp2(t, answerUnimplemented, true);
  assertFirst(await diagnose(t, { target: `http://${address}` }), {
    check: /^target\.protocol$/,
    says: /expects TLS; a plaintext client \(grpc\.insecure_channel/,
    code: 'FG1001',
  });
});

test('a secure channel against a plaintext port', async (t) => {
  const address = await startHttp2(t, answerUnimplemented);
  assertFirst(await diagnose(t, { target: `https://${address}` }), {
    check: /^target\.protocol$/,
    says: /speaks plaintext HTTP\/2, and no TLS/,
    code: 'FG1003',
  });
});

interface OddTls {
  readonly does: string;
  readonly options?: TlsOptions;
  readonly answer: (socket: TLSSocket) => void;
  readonly says: RegExp;
  readonly code: string;
}

const SETTINGS_AND_GOAWAY = '0000000400000000000000080700000000000000000000000000';

const ODD_TLS: readonly OddTls[] = [
  {
    does: 'says nothing',
    answer: () => undefined,
    says: /accepted the connection but sent no SETTINGS/,
    code: 'FG2004',
  },
  {
    does: 'answers HTTP/1.1',
    answer: (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    says: /answered HTTP\/1\.1, not HTTP\/2/,
    code: 'FG2021',
  },
  {
    does: 'begins HTTP/2 and gives the connection up at once',
    answer: (socket) => socket.write(Buffer.from(SETTINGS_AND_GOAWAY, 'hex')),
    says: /accepts connections and gives them up before it answers a call/,
    code: 'FG2005',
  },
  {
    does: 'closes',
    answer: (socket) => socket.end(),
    says: /chooses “h2” by ALPN, and closes the connection before HTTP\/2 begins/,
    code: 'FG2002',
  },
  {
    does: 'wants a certificate of clients',
    options: { requestCert: true, rejectUnauthorized: true },
    answer: () => undefined,
    says: /refuses clients without a certificate that it trusts/,
    code: 'FG1029',
  },
];

for (const { does, options, answer, says, code } of ODD_TLS)
  test(`a TLS port with h2 that ${does} is not said to lack h2`, async (t) => {
    const { certPem: cert, keyPem: key, caPem: ca } = await testCertificate('localhost', '127.0.0.1');
    const server = createTlsServer({ cert, key, ca, ALPNProtocols: ['h2'], ...options }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket));
    });
    server.on('tlsClientError', () => undefined);
    const target = await listening(t, server);
    for (const scheme of ['', 'https://']) {
      const reports = await diagnose(t, { target: `${scheme}${target}`, only: ['target'] });
      assertFirst(reports, { check: /^target\.protocol$/, says, code });
      assert.doesNotMatch(JSON.stringify(reports), /does not choose|no protocol is chosen/);
    }
    const insecure = await diagnose(t, { target: `http://${target}`, only: ['target'] });
    assertFirst(insecure, { check: /^target\.protocol$/, says: /expects TLS/, code: 'FG1001' });
    assert.doesNotMatch(JSON.stringify(insecure), /does not choose|no protocol is chosen/);
  });

test('TLS without HTTP/2', async (t) => {
  const { address } = await startTls(t, ['http/1.1'], 'localhost', '127.0.0.1');
  assertFirst(await diagnose(t, { target: address }), {
    check: /^target\.protocol$/,
    says: /does not choose “h2” by ALPN/,
    code: 'FG2032',
  });
});

test('HTTP/1.1 alone', async (t) => {
  assertFirst(await diagnose(t, { target: await startHttp1(t) }), {
    check: /^target\.protocol$/,
    says: /Trying to connect an http1\.x server/,
    code: 'FG2021',
  });
});

test('a closed port', async (t) => {
  assertFirst(await diagnose(t, { target: `127.0.0.1:${await freePort()}` }), {
    check: /^target\.protocol$/,
    says: /refused the connection/,
    code: 'FG2001',
  });
});

test('a certificate that the authority has not signed', async (t) => {
  const address = await startHttp2(t, answerUnimplemented, true);
  const ca = Buffer.from(rootCertificates[0]);
  assertFirst(await diagnose(t, { target: address, ca }), {
    check: /^target\.protocol$/,
    says: /is issued by .*, which is not known here/,
    code: 'FG1024',
  });
});

test('a certificate for another name', async (t) => {
  const { certPem, keyPem, caPem } = await testCertificate('other.example');
  const server = createSecureServer({ cert: certPem, key: keyPem });
  server.on('stream', answerUnimplemented);
  const target = await listening(t, server);
  assertFirst(await diagnose(t, { target, ca: Buffer.from(caPem) }), {
    check: /^target\.protocol$/,
    says: /the certificate is for another name/,
    code: 'FG1024',
  });
});

test('a web page where the service should be', async (t) => {
  const target = await startHttp2(t, html);
  for (const options of [
    { target, method: '/a.B/C' },
    { target, config: await healthyConfig('127.0.0.1:1') },
  ]) {
    assertFirst(await diagnose(t, { ...options, only: ['target.call'] }), {
      check: /^target\.call$/,
      says: /nginx\/1\.22\.1 at .* answers \/\S+ itself: HTTP 404, an HTML page; it has no way for the path/,
      code: 'FG3015',
    });
  }
});

test('a proxy that serves no health check is no fault where no path of a service is known, and has not passed either', async (t) => {
  const reports = await diagnose(t, { target: await startHttp2(t, html) });
  assert.ok(
    reports.every(({ verdict }) => verdict !== 'warning' && verdict !== 'failed'),
    JSON.stringify(reports),
  );
  const call = reports.find(({ id }) => id === 'target.call');
  assert.equal(call?.verdict, 'skipped');
  assert.match(
    call?.findings[0]?.text ?? '',
    /gave to \/grpc\.health\.v1\.Health\/Check: HTTP 404, an HTML page.*says nothing about your services/,
  );
  assert.match(call?.findings[0]?.remedy ?? '', /--method \/package\.Service\/Method/);
});

/** Serves one service, as a location of nginx does, and answers every other path itself. */
function serving(begin: string): Answer {
  return (stream, headers) => {
    if (headers[':path']?.startsWith(begin) === true) answerUnimplemented(stream);
    else html(stream, headers);
  };
}

test('a proxy that serves the method or the services of the configuration alone is in order', async (t) => {
  const demo = await startDemo(t);
  const path = '/voice.VoiceAssistant/FramegateDoctor';
  const target = await startHttp2(t, (stream, headers) => {
    if (headers[':path']?.startsWith('/voice.VoiceAssistant/') !== true) return html(stream, headers);
    const message = `The server does not implement the method ${headers[':path']}`;
    const type = { ':status': 200, 'content-type': 'application/grpc' };
    stream.respond({ ...type, 'grpc-status': '12', 'grpc-message': message }, { endStream: true });
  });
  // A route for all paths leads to what reflection lists.
  const all = { routes: [{ name: 'voice', match: { path: '/*' }, upstream: 'voice' }] };
  for (const sections of [{}, all]) {
    const reports = await diagnoseBroken(t, sections, { endpoint: demo.address, target, only: ['target'] });
    assert.deepEqual(
      reports
        .filter(({ verdict }) => verdict !== 'ok' && verdict !== 'note')
        .map(({ id, verdict }) => [id, verdict]),
      [],
      JSON.stringify(reports),
    );
    for (const id of ['target.call', 'target.route.voice', 'target.body'])
      assert.ok(reports.find((report) => report.id === id)?.findings[0]?.text.includes(path), id);
  }
  const named = await diagnose(t, { target, method: '/voice.VoiceAssistant/Say', only: ['target'] });
  assert.deepEqual(
    named.map(({ verdict }) => verdict),
    ['note', 'ok', 'ok'],
  );
});

test('the method that was named is called without a message', async (t) => {
  const bodies: string[] = [];
  const target = await startHttp2(t, (stream, headers) => {
    let length = 0;
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    stream.on('end', () => {
      bodies.push(`${headers[':path']} ${length}`);
      answerUnimplemented(stream);
    });
  });
  await diagnose(t, { target, method: '/a.B/C', only: ['target.call'] });
  assert.deepEqual(bodies, ['/a.B/C 0']);
});

test('a proxy that cannot reach the service', async (t) => {
  const address = await startHttp2(t, (stream) => {
    stream.respond({ ':status': 502, 'content-type': 'text/html' }, { endStream: true });
  });
  assertFirst(await diagnose(t, { target: address }), {
    check: /^target\.call$/,
    says: /HTTP 502, an HTML page; it cannot reach the service, or speaks another protocol to it/,
    code: 'FG2001',
  });
});

test('one path that leads elsewhere, while the others lead to the service', async (t) => {
  const demo = await startDemo(t);
  const routes = ['voice.VoiceAssistant', 'other.Service'].map((service) => ({
    name: service.split('.')[0],
    match: { path: `/${service}/*` },
    upstream: 'voice',
  }));
  const target = await startHttp2(t, serving('/other.'));
  assertFirst(await diagnoseBroken(t, { routes }, { endpoint: demo.address, target, only: ['target'] }), {
    check: /^target\.route\.voice$/,
    says: /answers \/voice\.VoiceAssistant\/FramegateDoctor itself: HTTP 404/,
    code: 'FG3015',
  });
});

test('a proxy that refuses requests of more than 1 MiB', async (t) => {
  const target = await startHttp2(t, (stream, headers) => {
    if (Number(headers['content-length'] ?? 0) > 1_048_576)
      stream.respond({ ':status': 413 }, { endStream: true });
    else answerUnimplemented(stream);
  });
  assertFirst(await diagnose(t, { target }), {
    check: /^target\.body$/,
    says: /refuses a request of more than 1 MiB in all \(HTTP 413\)/,
  });
});

test('a target that resets a large request is not told as one that takes it', async (t) => {
  const target = await startHttp2(t, (stream, headers) => {
    if (Number(headers['content-length'] ?? 0) > 1_048_576) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else answerUnimplemented(stream);
  });
  assert.deepEqual(await bodyOf(t, target), ['skipped', `gave RST_STREAM INTERNAL_ERROR`]);
});

test('a target that answers a large request by a web page is not told as one that takes it', async (t) => {
  assert.deepEqual(await bodyOf(t, await startHttp2(t, html)), ['skipped', 'gave HTTP 404']);
});

test('a target that waits for the bytes of a large request takes it', async (t) => {
  const target = await startHttp2(t, (stream, headers) => {
    if (headers['content-length'] === undefined) answerUnimplemented(stream);
  });
  const [verdict] = await bodyOf(t, target);
  assert.equal(verdict, 'ok');
});

async function bodyOf(t: TestContext, target: string): Promise<readonly (string | undefined)[]> {
  const reports = await diagnose(t, { target });
  const body = reports.find(({ id }) => id === 'target.body');
  return [body?.verdict, /gave .*$/.exec(body?.findings[0]?.text ?? '')?.[0]];
}

test('each route that is not tried through a target is told, with the reason', async (t) => {
  const demo = await startDemo(t);
  const web = await startHttp1(t);
  const routes = [
    { name: 'one', match: { path: '/voice.VoiceAssistant/Talk' }, upstream: 'voice' },
    { name: 'page', match: { path: '/page/*' }, upstream: 'web' },
    { name: 'told', match: { path: '/told.S/*' }, upstream: 'told' },
  ];
  const upstreams = {
    voice: { endpoints: [demo.address] },
    web: { protocol: 'http1', endpoints: [web] },
    told: { endpoints: 'api' },
  };
  const reports = await diagnoseBroken(
    t,
    { routes, upstreams },
    { endpoint: demo.address, target: demo.address, only: ['target.route'] },
  );
  assert.deepEqual(
    reports.map(({ id, verdict, findings }) => [id, verdict, findings[0]?.text.slice(0, 30)]),
    [
      ['target.route.one', 'skipped', 'it is for a single method, whi'],
      ['target.route.page', 'skipped', 'it leads to a web service, and'],
      ['target.route.told', 'skipped', 'its upstream has no endpoint t'],
    ],
  );
});

test('the direct call of a route has ended before the call through a target begins', async (t) => {
  const order: string[] = [];
  const endpoint = await startHttp2(t, (stream, headers) => {
    if (headers[':path']?.startsWith('/voice.') !== true) return answerUnimplemented(stream);
    // A call that does not wait for this answer comes before it.
    setTimeout(() => {
      order.push('direct answer');
      answerUnimplemented(stream);
    }, 100);
  });
  const target = await startHttp2(t, (stream, headers) => {
    if (headers[':path']?.startsWith('/voice.') === true) order.push('call through the target');
    answerUnimplemented(stream);
  });
  await diagnoseBroken(t, {}, { endpoint, target, only: ['target.route'] });
  assert.deepEqual(order, ['direct answer', 'call through the target']);
});

test('a Framegate as target is relayed through, and told from a service', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const { caPem } = await testCertificate('localhost', '127.0.0.1');
  const reports = await diagnoseBroken(
    t,
    {},
    {
      endpoint: demo.address,
      target: `https://localhost:${proxy.port('tls')}`,
      ca: Buffer.from(caPem),
      only: ['target'],
    },
  );
  const bad = reports.filter(({ verdict }) => verdict === 'warning' || verdict === 'failed');
  assert.deepEqual(bad, []);
  assert.ok(reports.some(({ id, verdict }) => id === 'target.route.voice' && verdict === 'ok'));
});

test('a hostile target is read no further than a limit, and what it says is escaped', async (t) => {
  const endless = Buffer.alloc(65_536, 'HTTP/1.1 200 \u001b[2J\u202eOK\r\nx: y\r\n');
  const target = await startSocketPeer(t, (socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(endless));
    };
    socket.on('drain', more);
    more();
  });
  const reports = await diagnose(t, { target });
  assertFirst(reports, {
    check: /^target\.protocol$/,
    says: /answers HTTP\/2 by HTTP\/1\.1 \(“HTTP\/1\.1 200 \\u\{1b\}\[2J/,
    code: 'FG2021',
  });
});

test('the value that a route wants of a header field reaches neither a target nor a proxy', async (t) => {
  const { address } = await startDemo(t);
  const received: string[] = [];
  const target = await startHttp2(t, (stream, headers) => {
    received.push(JSON.stringify(headers));
    answerUnimplemented(stream);
  });
  const secret = {
    name: 'voice',
    match: { path: '/*', headers: { authorization: 'Bearer-S3CRET' } },
    upstream: 'voice',
  };
  const reports = await diagnoseBroken(t, { routes: [secret] }, { endpoint: address, target });
  assert.ok(received.length > 0);
  assert.ok(!received.join('').includes('S3CRET'));
  const texts = JSON.stringify(reports);
  assert.ok(!texts.includes('S3CRET'));
  assert.match(texts, /the route wants authorization, whose value is not sent to a target/);
  assert.match(texts, /it wants authorization, whose value may be a secret and is not sent/);
});

test('a route that wants a header field is compared through a target if --header gives the field', async (t) => {
  const { address } = await startDemo(t);
  const received: string[] = [];
  const target = await startHttp2(t, (stream, headers) => {
    received.push(String(headers['x-key']));
    answerUnimplemented(stream);
  });
  const routes = [{ name: 'keyed', match: { path: '/*', headers: { 'x-key': 'K3Y' } }, upstream: 'voice' }];
  const credentials = readCredentials({ header: ['x-key:K3Y'] });
  assert.ok(typeof credentials !== 'string');
  const options = { endpoint: address, target: `http://${target}`, credentials };
  const texts = JSON.stringify(await diagnoseBroken(t, { routes }, options));
  assert.match(texts, /route 'keyed', directly and through it/);
  assert.doesNotMatch(texts, /whose value is not sent to a target/);
  assert.ok(received.includes('K3Y'));
  assert.ok(!texts.includes('K3Y'));
});
