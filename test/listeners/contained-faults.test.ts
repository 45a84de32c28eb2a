// A fault of ours in any listener on Node's objects: it ends the connection it happened on, is reported once, and everybody else
// goes on. What throws here is the handler, which every one of those listeners leads to.

import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import {
  handshake,
  type ListenerUnderTest,
  listen,
  PREFACE,
  readToEnd,
  send,
} from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const trust = { ca: certificate.caPem, servername: 'localhost' };
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const WEBSOCKET = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
const FAULT = new Error('a fault of ours');

type Method = 'onHttp2' | 'onHttp1Request' | 'onHttp1Upgrade' | 'onRefused';

interface Case {
  readonly throwing: Method;
  readonly isTls?: true;
  /** What the client does; resolves to a connection that has to end. */
  readonly act: (under: ListenerUnderTest) => Promise<Socket> | Socket;
}

const tls =
  (bytes: string | Buffer, ALPNProtocols?: string[]) =>
  async ({ port }: ListenerUnderTest) => {
    const socket = await handshake(port, { ...trust, ...(ALPNProtocols && { ALPNProtocols }) });
    socket.write(bytes);
    return socket;
  };
const clear =
  (bytes: string | Buffer) =>
  ({ port }: ListenerUnderTest) =>
    send(port, bytes);

const CASES: Readonly<Record<string, Case>> = {
  'a request': { throwing: 'onHttp1Request', act: clear(GET) },
  'a request with an expectation': {
    throwing: 'onHttp1Request',
    act: clear(GET.replace('\r\n\r\n', '\r\nexpect: 100-continue\r\n\r\n')),
  },
  'a request with an expectation nobody knows': {
    throwing: 'onHttp1Request',
    act: clear(GET.replace('\r\n\r\n', '\r\nexpect: x\r\n\r\n')),
  },
  'a request whose offer is ignored': {
    throwing: 'onHttp1Request',
    act: clear(WEBSOCKET.replace('websocket', 'h2c')),
  },
  'a request in TLS': { throwing: 'onHttp1Request', isTls: true, act: tls(GET, ['http/1.1']) },
  'a request in TLS without ALPN': { throwing: 'onHttp1Request', isTls: true, act: tls(GET) },
  'a WebSocket': { throwing: 'onHttp1Upgrade', act: clear(WEBSOCKET) },
  'a WebSocket behind a request': { throwing: 'onHttp1Upgrade', act: clear(GET + WEBSOCKET) },
  'a tunnel': { throwing: 'onRefused', act: clear('CONNECT a:1 HTTP/1.1\r\n\r\n') },
  'a tunnel behind a request': { throwing: 'onRefused', act: clear(`${GET}CONNECT a:1 HTTP/1.1\r\n\r\n`) },
  'a malformed request': { throwing: 'onRefused', act: clear('GET / HTTP/1.1\r\nno colon\r\n\r\n') },
  'a malformed request behind another': {
    throwing: 'onRefused',
    act: clear(`${GET}GET / HTTP/1.1\r\nno colon\r\n\r\n`),
  },
  'a header in time': { throwing: 'onRefused', act: clear('GET / HTTP/1.1\r\n') },
  HTTP2: { throwing: 'onHttp2', act: clear(PREFACE) },
  'HTTP2 by ALPN': { throwing: 'onHttp2', isTls: true, act: tls(PREFACE, ['h2']) },
  'HTTP2 in TLS without ALPN': { throwing: 'onHttp2', isTls: true, act: tls(PREFACE) },
  'HTTP2 without TLS': { throwing: 'onHttp2', isTls: true, act: clear(PREFACE) },
  'HTTP/1.1 without TLS': { throwing: 'onRefused', isTls: true, act: clear(GET) },
  'a TLS client on a plaintext port': {
    throwing: 'onRefused',
    act: clear(Buffer.from('160301000501000001ff', 'hex')),
  },
  'a TLS client that stops': { throwing: 'onRefused', act: clear(Buffer.from('1603010200010001fc', 'hex')) },
  'something else': { throwing: 'onRefused', act: clear('EHLO a\r\n') },
  'something else in TLS': { throwing: 'onRefused', isTls: true, act: tls('EHLO a\r\n') },
  silence: { throwing: 'onRefused', act: clear('') },
  'a handshake that fails': {
    throwing: 'onRefused',
    isTls: true,
    act: clear(Buffer.from('160301000501000001ff', 'hex')),
  },
  'a handshake that is given up': {
    throwing: 'onRefused',
    isTls: true,
    act: ({ port }) => {
      const socket = send(port, Buffer.from('16030102000100', 'hex'));
      socket.end();
      return socket;
    },
  },
};

async function open(context: TestContext, { throwing, isTls }: Case): Promise<ListenerUnderTest> {
  const under = await listen(context, {
    ...(isTls && { certificates: [certificate] }),
    timeouts: { http1HeadersMs: 200, firstBytesMs: 500, clientHelloMs: 200 },
  });
  const { handler } = under;
  const works = handler[throwing].bind(handler);
  let isFaulty = true;
  Object.assign(handler, {
    [throwing]: (...values: Parameters<typeof works>) => {
      if (isFaulty) {
        isFaulty = false;
        throw FAULT;
      }
      Reflect.apply(works, undefined, values);
    },
  });
  return under;
}

for (const [name, one] of Object.entries(CASES)) {
  test(`a fault of ours ends its own connection only: ${name}`, async (context) => {
    const under = await open(context, one);
    const { handler, port } = under;
    const bystander = one.isTls
      ? connectHttp2(`https://127.0.0.1:${port}`, trust)
      : connectHttp2(`http://127.0.0.1:${port}`);
    context.after(() => bystander.destroy());
    bystander.on('error', () => undefined);
    if (one.throwing !== 'onHttp2') await handler.http2.next();
    else bystander.destroy();
    await readToEnd(await one.act(under));
    assert.deepEqual(await handler.faults.next(), FAULT);
    assert.equal(bystander.destroyed, one.throwing === 'onHttp2');
    // The listener goes on, for the next client as well.
    if (!one.isTls)
      await eventually('an answer', async () =>
        (await readToEnd(send(port, GET.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n')))).startsWith(
          'HTTP/1.1 200',
        ),
      );
    assert.equal(handler.faults.all.length, 1);
  });
}
