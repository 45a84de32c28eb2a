// Each way to ask for the health of an endpoint, through a whole proxy: it is out by the number of failed checks that was asked for, and
// back again, and each of the two is one line of the log with its reason.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { HealthService } from '../support/health-service.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';

/** A timeout that a busy machine keeps: what fails here fails by an answer, or at once. */
const HEALTH = { interval: '100ms', timeout: '5s', unhealthyAfter: 2 };
const OUT = 'the endpoint gets no new calls: ';
const BACK = 'the endpoint gets calls again';

function start(
  t: TestContext,
  endpoints: readonly string[],
  upstream: Readonly<Record<string, unknown>>,
): Promise<ProxyUnderTest> {
  return startProxy(t, { sections: { upstreams: { voice: { endpoints, ...upstream } } } });
}

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `127.0.0.1:${portOf(server.address())}`;
}

function portOf(address: AddressInfo | string | null): number {
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

/** Resolves to the reason once the endpoint is out, and checks that no call goes there from then on. */
async function wantOut(
  proxy: ProxyUnderTest,
  endpoint: string,
  service: Called,
  call: Caller,
): Promise<string> {
  const line = await proxy.line(({ msg, endpoint: of }) => String(msg).startsWith(OUT) && of === endpoint);
  assert.deepEqual([line['by'], line['upstream']], ['health', 'voice']);
  const before = service.calls;
  for (let count = 0; count < 6; count++) await call();
  assert.equal(service.calls, before, 'no call goes there');
  return String(line['msg']).slice(OUT.length);
}

async function wantBack(
  proxy: ProxyUnderTest,
  endpoint: string,
  service: Called,
  call: Caller,
): Promise<void> {
  await proxy.line(({ msg, endpoint: of }) => msg === BACK && of === endpoint);
  const before = service.calls;
  await eventually('calls go there again', async () => {
    await call();
    return service.calls > before;
  });
  const flips = proxy.lines().filter(({ msg }) => String(msg).startsWith(OUT) || msg === BACK);
  assert.deepEqual(
    flips.map(({ endpoint: of }) => of),
    [endpoint, endpoint],
    'each is one line',
  );
}

interface Called {
  readonly calls: number;
}
type Caller = () => Promise<void>;

/** Lets in only who shows a certificate of the authority; answers `Watch`, and every other call at once. */
class TlsService implements Called {
  calls = 0;
  address = '';
  readonly clientNames: unknown[] = [];
  readonly #watches: ServerHttp2Stream[] = [];
  #status = 1;

  static async start(t: TestContext): Promise<TlsService> {
    const service = new TlsService();
    const { certPem, keyPem, caPem } = await testCertificate('127.0.0.1');
    const options = { cert: certPem, key: keyPem, ca: caPem, requestCert: true, rejectUnauthorized: true };
    const server = createSecureServer(options);
    server.on('secureConnection', (socket) => {
      service.clientNames.push(socket.getPeerCertificate().subject?.CN);
    });
    server.on('sessionError', () => undefined);
    server.on('stream', (stream: ServerHttp2Stream, headers) =>
      service.#answer(stream, headers[':path'] ?? ''),
    );
    service.address = await listen(t, server);
    return service;
  }

  #answer(stream: ServerHttp2Stream, path: string): void {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (path === '/grpc.health.v1.Health/Watch') {
      this.#watches.push(stream);
      stream.write(grpcMessage(Buffer.from([0x08, this.#status])));
      return;
    }
    this.calls++;
    stream.end(grpcMessage(Buffer.alloc(0)));
  }

  get watchCount(): number {
    return this.#watches.length;
  }

  /** Tells all that watch. */
  set(status: number): void {
    this.#status = status;
    for (const watch of this.#watches) watch.write(grpcMessage(Buffer.from([0x08, status])));
  }
}

test('grpc over TLS: the checks show the same certificate as calls', async (t) => {
  const [a, b] = [await TlsService.start(t), await TlsService.start(t)];
  const { ca, cert, key } = await testCertificate('proxy.internal');
  const tls = { ca, cert, key };
  const proxy = await start(t, [a.address, b.address], { protocol: 'h2', tls, health: HEALTH });
  const client = proxy.voiceClient('clear');
  const call = async (): Promise<void> => {
    assert.equal((await client.say({ text: 'a call' })).code, 0);
  };
  await eventually('both are watched', () => a.watchCount === 1 && b.watchCount === 1);
  a.set(2);
  const reason = await wantOut(proxy, a.address, a, call);
  assert.equal(reason, `${a.address} answered NOT_SERVING for service ""`);
  a.set(1);
  await wantBack(proxy, a.address, a, call);
  // The checks have a connection of their own.
  assert.deepEqual([...new Set(a.clientNames)], ['proxy.internal']);
  assert.ok(a.clientNames.length >= 2, String(a.clientNames.length));
});

test('tcp: an endpoint is healthy while it accepts connections', async (t) => {
  const [a, b] = [await HealthService.start(t), await HealthService.start(t)];
  const proxy = await start(t, [a.address, b.address], { health: { ...HEALTH, type: 'tcp' } });
  const client = proxy.voiceClient('clear');
  const call = async (): Promise<void> => {
    assert.equal((await client.say({ text: 'a call' })).code, 0);
  };
  await proxy.line(
    ({ msg, method }) => msg === 'the health of the endpoint is asked for' && method === 'TCP connect',
  );
  a.server.close();
  const reason = await wantOut(proxy, a.address, a, call);
  assert.equal(
    reason,
    `${a.address} refused the connection: is the service running there? (2 checks in a row have failed)`,
  );
  const again = await HealthService.start(t, { port: a.server.port });
  await wantBack(proxy, a.address, again, call);
  assert.equal(again.asked.length, 0, 'it is asked nothing');
});

class WebService implements Called {
  calls = 0;
  status = 200;
  address = '';
  readonly asked: string[] = [];

  static async start(t: TestContext): Promise<WebService> {
    const service = new WebService();
    const answer: RequestListener = ({ url, httpVersion, method }, response) => {
      if (url === '/up?token=SECRET') {
        service.asked.push(`${method} over HTTP/${httpVersion}`);
        response.statusCode = service.status;
      } else service.calls++;
      response.end();
    };
    service.address = await listen(t, createServer(answer));
    return service;
  }
}

test('http: an endpoint that speaks HTTP/1.1 is asked in HTTP/1.1', async (t) => {
  const [a, b] = [await WebService.start(t), await WebService.start(t)];
  const health = { ...HEALTH, path: '/up?token=SECRET' };
  const proxy = await start(t, [a.address, b.address], { protocol: 'http1', health });
  const call = async (): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${proxy.port('clear')}/a`);
    assert.equal(response.status, 200);
    await response.arrayBuffer();
  };
  await eventually('it is asked', () => a.asked.length > 0);
  a.status = 503;
  const reason = await wantOut(proxy, a.address, a, call);
  assert.match(
    reason,
    /^\S+ answered GET \/up 503, not 200 \(2 checks in a row have failed\): the service says that it is not well: see its own log$/,
  );
  a.status = 200;
  await wantBack(proxy, a.address, a, call);
  assert.deepEqual([...new Set(a.asked)], ['GET over HTTP/1.1']);
  assert.doesNotMatch(JSON.stringify(proxy.lines()), /SECRET/);
});

test('http: the query of the path, which may hold a token, is in no message about an HTTP/2 service', async (t) => {
  const service = await HealthService.start(t);
  const health = { ...HEALTH, type: 'http', path: '/up?token=SECRET' };
  const proxy = await start(t, [service.address], { health });
  const { msg } = await proxy.line(({ msg: text }) => String(text).startsWith(OUT));
  assert.match(String(msg), / answered GET \/up [^?]+, not 200 /);
  const asked = await proxy.line(({ msg: text }) => text === 'the health of the endpoint is asked for');
  assert.equal(asked['method'], 'GET /up');
  assert.doesNotMatch(JSON.stringify(proxy.lines()), /SECRET/);
});
