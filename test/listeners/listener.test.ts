import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Address } from '../../src/config/address.ts';
import type { ListenerTlsConfig } from '../../src/config/config.ts';
import { openListener } from '../../src/listeners/listener.ts';
import { testCertificate } from '../support/certificates.ts';
import { listen, PREFACE, RecordingHandler, send, tcp, unix } from './listener-under-test.ts';

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'framegate-listener-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function open(address: Address, tls?: ListenerTlsConfig) {
  return openListener(
    {
      name: 'public',
      address,
      tls,
      trustedClients: [],
      mismatch: 'explain',
      proxyProtocol: undefined,
      openingTimeoutMs: 10_000,
      headerTimeoutMs: 10_000,
    },
    new RecordingHandler(),
  );
}

test('port 0 is resolved, IPv6 addresses stand in brackets', async (context) => {
  const { listener } = await listen(context);
  assert.equal(listener.name, 'under-test');
  assert.ok(listener.port !== undefined && listener.port > 0);
  assert.equal(listener.address, `127.0.0.1:${listener.port}`);
  const six = await listen(context, { address: tcp('::1') });
  assert.equal(six.listener.address, `[::1]:${six.listener.port}`);
  const client = send(six.port, PREFACE, '::1');
  const { peer } = await six.handler.http2.next();
  assert.equal(peer.client, `[::1]:${client.localPort}`);
  assert.equal(peer.clientAddress, '::1');
});

test('an IPv4 client of a dual-stack listener is shown and trusted as IPv4', async (context) => {
  const { handler, port } = await listen(context, { address: tcp('::'), trustedClients: ['127.0.0.0/8'] });
  const client = send(port, PREFACE);
  const { peer } = await handler.http2.next();
  assert.equal(peer.client, `127.0.0.1:${client.localPort}`);
  assert.equal(peer.trusted, true);
});

test('close() stops accepting, leaves HTTP/2 connections alone, and may be called twice', async (context) => {
  const { listener, handler, port } = await listen(context);
  const client = send(port, PREFACE);
  const { socket } = await handler.http2.next();
  await Promise.all([listener.close(), listener.close()]);
  await listener.close();
  const late = connect({ port, host: '127.0.0.1' });
  const [error] = await once(late, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
  const echoed = once(client, 'data');
  socket.write('still here');
  assert.equal(String((await echoed)[0]), 'still here');
});

test('a taken port is explained', async (context) => {
  const { port } = await listen(context);
  await assert.rejects(open(tcp('127.0.0.1', port)), (error: Error) => {
    assert.equal(
      error.message,
      `listener 'public' cannot listen on 127.0.0.1:${port}: something listens there already; find it with \`ss -ltnp 'sport = :${port}'\`, or choose another port`,
    );
    return error.cause instanceof Error;
  });
});

test('an address of another machine is explained', async () => {
  await assert.rejects(
    open(tcp('192.0.2.1', 0)),
    /'public' cannot listen on 192\.0\.2\.1:0: no network interface/,
  );
});

test('a unix socket is served, and its file is gone after close()', async (context) => {
  const path = join(folder(context), 'a.sock');
  const { listener, handler } = await listen(context, { address: unix(path), trustedClients: ['unix:'] });
  assert.equal(listener.address, `unix:${path}`);
  assert.equal(listener.port, undefined);
  const client = connect({ path });
  client.write(PREFACE);
  const { peer } = await handler.http2.next();
  assert.deepEqual([peer.client, peer.clientAddress, peer.trusted], ['unix:', 'unix:', true]);
  client.destroy();
  await listener.close();
  assert.equal(existsSync(path), false);
});

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

test('the file of a unix socket has its mode from the first moment, and the process keeps its umask', async (context) => {
  const umask = process.umask(0o027);
  context.after(() => process.umask(umask));
  for (const [name, mode] of [
    ['wide', 0o666],
    ['narrow', 0o600],
    ['plain', undefined],
  ] as const) {
    const path = join(folder(context), name);
    const { listener } = await listen(context, { address: unix(path), mode });
    assert.equal(modeOf(path), mode ?? 0o750);
    assert.equal(process.umask(), 0o027);
    const change = await listener.prepare({ ...listener.config, mode: 0o660 });
    assert.equal(modeOf(path), mode ?? 0o750);
    await change?.commit();
    assert.equal(modeOf(path), 0o660);
  }
});

test('a stale unix socket is replaced, a live one and a plain file are not', async (context) => {
  const path = join(folder(context), 'a.sock');
  const first = await listen(context, { address: unix(path) });
  await assert.rejects(open(unix(path)), /something accepts connections there already/);
  await first.listener.close();
  await leaveStaleSocket(path);
  assert.equal(existsSync(path), true);
  const second = await listen(context, { address: unix(path) });
  await second.listener.close();
  writeFileSync(path, 'precious');
  await assert.rejects(open(unix(path)), /a file that is no socket/);
  assert.equal(existsSync(path), true);
});

/** As a process that was killed leaves it: libuv would remove the file on close, so it is renamed away and back. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer();
  server.listen({ path });
  await once(server, 'listening');
  renameSync(path, `${path}.kept`);
  server.close();
  await once(server, 'close');
  renameSync(`${path}.kept`, path);
}

test('a unix socket in a folder that does not exist is explained', async (context) => {
  const path = join(folder(context), 'missing', 'a.sock');
  await assert.rejects(open(unix(path)), /the folder does not exist/);
});

test('certificates that cannot be used are explained before anything is bound', async (context) => {
  const good = await testCertificate('localhost', '127.0.0.1');
  const other = await testCertificate('other.test');
  const text = join(folder(context), 'not-a.pem');
  writeFileSync(text, 'hello');
  const cases = [
    [
      { cert: '/nowhere/a.crt', key: good.key },
      /listener 'public': the certificate \/nowhere\/a\.crt cannot be read: there is no such file/,
    ],
    [
      { cert: good.cert, key: '/nowhere/a.key' },
      /the private key \/nowhere\/a\.key cannot be read: there is no such file/,
    ],
    [{ cert: text, key: good.key }, /not-a\.pem holds no certificate/],
    [{ cert: good.cert, key: text }, /not-a\.pem holds no private key/],
    [{ cert: good.cert, key: other.key }, /does not belong to the certificate/],
  ] as const;
  for (const [files, message] of cases) {
    await assert.rejects(
      open(tcp('127.0.0.1'), {
        certificates: [files],
        minVersion: 'TLSv1.2',
        unknownServerName: 'serve-default',
      }),
      message,
    );
  }
  await assert.rejects(
    open(tcp('127.0.0.1'), { certificates: [], minVersion: 'TLSv1.2', unknownServerName: 'serve-default' }),
    /needs a certificate/,
  );
});
