// Clients that speak something else than the port they called: a clean refusal, a line in the log, and the process and
// its other clients go on.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as getPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as getTls } from 'node:https';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { status } from '../../src/demo/grpc.ts';
import { CLIENT_PREFACE } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import { settingsFrame } from '../support/raw-frames.ts';

async function startWithDemo(t: TestContext): Promise<ProxyUnderTest> {
  const demo = await startDemo(t);
  return startProxy(t, { endpoints: [demo.address] });
}

async function assertLives(proxy: ProxyUnderTest): Promise<void> {
  for (const listener of ['tls', 'clear'] as const) {
    const outcome = await proxy.voiceClient(listener).say({});
    assert.equal(status[outcome.code], 'OK', outcome.details);
  }
}

async function answerOf(
  proxy: ProxyUnderTest,
  listener: 'tls' | 'clear',
  options: RequestOptions,
): Promise<{ readonly response: IncomingMessage; readonly text: string }> {
  const all = { host: '127.0.0.1', port: proxy.port(listener), servername: 'localhost', ...options };
  const request = listener === 'tls' ? getTls({ ...all, ca: proxy.caPem }) : getPlain(all);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once('response', resolve);
  request.once('error', reject);
  const response = await promise;
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { response, text };
}

for (const listener of ['tls', 'clear'] as const) {
  test(`an HTTP/1.1 request on a route to a gRPC service is answered in text (${listener})`, async (t) => {
    const proxy = await startWithDemo(t);
    const page = await answerOf(proxy, listener, { path: '/' });
    assert.equal(page.response.statusCode, 426);
    assert.equal(page.response.headers.upgrade, listener === 'tls' ? 'h2' : 'h2c');
    assert.match(page.text, /served by a gRPC service over HTTP\/2.*\(FG1007\)/);
    const grpc = await answerOf(proxy, listener, {
      method: 'POST',
      path: '/voice.VoiceAssistant/Say',
      headers: { 'content-type': 'application/grpc' },
    });
    assert.equal(grpc.response.statusCode, 505);
    assert.equal(grpc.response.headers['grpc-status'], '14');
    assert.match(
      grpc.text,
      listener === 'tls' ? /ALPN "h2".*\(FG1005\)/ : /over (?:plaintext )?HTTP\/1\.1.*\(FG1006\)/,
    );
    await assertLives(proxy);
  });
}

/** Sends bytes and resolves when the other side has closed. */
async function sendAndWaitForClose(socket: Socket, bytes: Buffer): Promise<void> {
  let isClosed = false;
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isClosed = true;
  });
  socket.write(bytes);
  socket.resume();
  await eventually('the connection is closed', () => isClosed);
}

test('plaintext HTTP/2 on the TLS port is closed and logged', async (t) => {
  const proxy = await startWithDemo(t);
  const socket = connect({ host: '127.0.0.1', port: proxy.port('tls') });
  await sendAndWaitForClose(socket, Buffer.concat([CLIENT_PREFACE, settingsFrame([])]));
  const line = await proxy.line(({ token }) => token === 'plaintext_on_tls_port');
  assert.equal(line['listener'], 'tls');
  await assertLives(proxy);
});

test('TLS on the plaintext port is closed and logged', async (t) => {
  const proxy = await startWithDemo(t);
  const socket = connectTls({ host: '127.0.0.1', port: proxy.port('clear'), rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await eventually('the connection is closed', () => socket.closed);
  const line = await proxy.line(({ token }) => token === 'tls_on_plaintext_port');
  assert.equal(line['listener'], 'clear');
  await assertLives(proxy);
});

test('random bytes on either port are closed, and the process lives', async (t) => {
  const proxy = await startWithDemo(t);
  for (const listener of ['tls', 'clear'] as const) {
    for (let round = 0; round < 10; round++) {
      const bytes = Buffer.from(
        Array.from({ length: 64 }, (_, index) => (index * 37 + round * 101 + 3) % 256),
      );
      await sendAndWaitForClose(connect({ host: '127.0.0.1', port: proxy.port(listener) }), bytes);
    }
  }
  await assertLives(proxy);
});

test('clients that vanish at any moment of the beginning leave the process alone', async (t) => {
  const proxy = await startWithDemo(t);
  const beginning = Buffer.concat([CLIENT_PREFACE, settingsFrame([])]);
  for (let size = 0; size <= beginning.length; size += 5) {
    const socket = connect({ host: '127.0.0.1', port: proxy.port('clear') });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(beginning.subarray(0, size), () => socket.resetAndDestroy());
    await once(socket, 'close');
  }
  await assertLives(proxy);
});

test('a wrong client preface is answered with GOAWAY or a close, and the process lives', async (t) => {
  const proxy = await startWithDemo(t);
  const wrong = Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', 'latin1');
  await sendAndWaitForClose(connect({ host: '127.0.0.1', port: proxy.port('clear') }), wrong);
  const tls = connectTls({
    host: '127.0.0.1',
    port: proxy.port('tls'),
    servername: 'localhost',
    ca: proxy.caPem,
    ALPNProtocols: ['h2'],
  });
  await once(tls, 'secureConnect');
  await sendAndWaitForClose(tls, wrong);
  await assertLives(proxy);
});
