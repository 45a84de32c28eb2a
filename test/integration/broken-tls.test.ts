// Peers that send what is no record of TLS after the handshake, and keep the connection open: Node tells of it by 'error' alone.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { status } from '../../src/demo/grpc.ts';
import { RawHttp1Client } from '../edges/edge-under-test.ts';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy } from '../support/proxy-under-test.ts';

const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

/** Finishes the handshake, over HTTP/2 also the exchange of SETTINGS, and answers what comes then outside TLS. */
async function startBreakingService(t: TestContext): Promise<number> {
  const { certPem, keyPem } = await testCertificate('localhost');
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const secure = new TLSSocket(socket, {
      isServer: true,
      cert: certPem,
      key: keyPem,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    secure.on('error', () => undefined);
    let hasSettings = false;
    secure.on('data', () => {
      if (secure.alpnProtocol !== 'h2' || hasSettings) socket.write('HTTP/1.1 200 OK\r\n\r\n');
      else secure.write(SETTINGS);
      hasSettings = true;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

test('a call to a service that breaks TLS ends, over HTTP/1.1 and over HTTP/2', async (t) => {
  const port = await startBreakingService(t);
  const { ca } = await testCertificate('localhost');
  const endpoints = [`localhost:${port}`];
  const web = await startProxy(t, {
    sections: { upstreams: { voice: { protocol: 'http1', tls: { ca }, endpoints } } },
  });
  const client = new RawHttp1Client(t, web.port('clear')).send('GET / HTTP/1.1', 'Host: a', '');
  await client.receives(' 502 ');
  const voice = await startProxy(t, {
    sections: { upstreams: { voice: { protocol: 'h2', tls: { ca }, endpoints } } },
  });
  const outcome = await voice.voiceClient('clear').say({});
  assert.equal(status[outcome.code], 'UNAVAILABLE');
  assert.match(outcome.details, /ERR_SSL_BAD_RECORD_TYPE/);
});

for (const protocol of ['h2', 'http/1.1']) {
  test(`a client of ${protocol} that breaks TLS is closed`, async (t) => {
    const proxy = await startProxy(t, { sections: {} });
    const socket = connect(proxy.port('tls'), '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => undefined);
    const secure = connectTls({
      socket,
      ca: proxy.caPem,
      servername: 'localhost',
      ALPNProtocols: [protocol],
    });
    secure.on('error', () => undefined);
    await once(secure, 'secureConnect');
    if (protocol === 'h2') {
      secure.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1'));
      await once(secure, 'data');
    }
    socket.write('this is no record of TLS');
    await eventually('it is closed', () => socket.readableEnded || socket.destroyed);
  });
}
