// The fault proxy itself: every toxic does what it says, and without any all bytes pass as they are.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { FaultProxy, type FaultProxyOptions } from '../support/fault-proxy.ts';
import { startSocketServer } from '../support/raw-server.ts';

/** One side of a connection, with what it has heard. */
class Ear {
  readonly socket: Socket;
  text = '';
  chunks = 0;
  hasEnded = false;
  isClosed = false;
  error: string | undefined = undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.chunks++;
    });
    socket.on('end', () => {
      this.hasEnded = true;
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code;
    });
  }
}

interface Line {
  readonly proxy: FaultProxy;
  readonly client: Ear;
  readonly server: Ear;
}

async function line(t: TestContext, options: Partial<FaultProxyOptions> = {}): Promise<Line> {
  const accepted: Ear[] = [];
  const server = await startSocketServer((socket) => {
    socket.allowHalfOpen = true;
    accepted.push(new Ear(socket));
  });
  t.after(() => server.close());
  const proxy = await FaultProxy.start({ targetPort: server.port, ...options });
  t.after(() => proxy.close());
  const socket = connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true });
  t.after(() => socket.destroy());
  const client = new Ear(socket);
  return { proxy, client, server: await eventually('the connection is through', () => accepted[0]) };
}

test('without toxics all bytes pass both ways, and so do both ends', async (t) => {
  const { client, server, proxy } = await line(t);
  const much = 'abcdefgh'.repeat(100_000);
  client.socket.end(much);
  server.socket.write('hello');
  await eventually('all is there', () => server.text.length === much.length && server.hasEnded);
  assert.equal(server.text, much);
  await eventually('hello is there', () => client.text === 'hello');
  server.socket.end();
  await eventually(
    'the connection is over',
    () => client.isClosed && server.isClosed && proxy.connectionCount === 0,
  );
});

test('latency holds bytes back for as long as it says', async (t) => {
  const { client, server, proxy } = await line(t);
  proxy.set({ latencyMs: 80, jitterMs: 10 }, 'toTarget');
  const sentMs = performance.now();
  client.socket.write('late');
  await eventually('it arrives', () => server.text === 'late');
  assert.ok(performance.now() - sentMs >= 65, `after ${performance.now() - sentMs} ms`);
});

test('a bandwidth lets no more pass than it says', async (t) => {
  const { client, server, proxy } = await line(t);
  proxy.set({ bytesPerSecond: 20_000, sliceBytes: 500 }, 'toTarget');
  const sentMs = performance.now();
  client.socket.write('x'.repeat(4000));
  await eventually('it arrives', () => server.text.length === 4000);
  assert.ok(performance.now() - sentMs >= 150, `after ${performance.now() - sentMs} ms`);
});

test('slices come one by one and lose nothing', async (t) => {
  const { client, server, proxy } = await line(t);
  proxy.set({ sliceBytes: 1, sliceDelayMs: 1 }, 'toTarget');
  client.socket.write('0123456789');
  await eventually('it arrives', () => server.text.length === 10);
  assert.equal(server.text, '0123456789');
  assert.ok(server.chunks > 1, 'in more than one piece');
});

test('corruption turns one bit in so many bytes, in its direction only', async (t) => {
  const { client, server, proxy } = await line(t, { chance: () => 0.5 });
  proxy.set({ corruptEveryBytes: 4 }, 'toTarget');
  client.socket.write('aaaaaaaaaa');
  await eventually('it arrives', () => server.text.length === 10);
  assert.equal(server.text, 'aaaqaaaqaa');
  server.socket.write('aaaaaaaaaa');
  await eventually('the answer arrives', () => client.text === 'aaaaaaaaaa');
});

test('a limit closes both sides behind its last byte', async (t) => {
  const { client, server, proxy } = await line(t);
  proxy.set({ limitBytes: 5 }, 'toTarget');
  client.socket.write('0123456789');
  await eventually('both are told', () => client.hasEnded && server.hasEnded);
  assert.equal(server.text, '01234');
});

test('a blackhole lets nothing pass, not even an end, until it is off', async (t) => {
  const { client, server, proxy } = await line(t);
  client.socket.write('one');
  await eventually('the first arrives', () => server.text === 'one');
  proxy.set({ isBlackhole: true });
  client.socket.write('two');
  client.socket.end();
  server.socket.write('answer');
  proxy.set({}, 'toClient');
  // What came after the blackhole in the other direction is proof that its time has passed.
  await eventually('the answer arrives', () => client.text === 'answer');
  assert.equal(server.text, 'one');
  assert.equal(server.hasEnded, false);
  proxy.set({});
  await eventually('the rest arrives', () => server.text === 'onetwo' && server.hasEnded);
});

test('a reset is a RST to both sides', async (t) => {
  const { client, server, proxy } = await line(t);
  client.socket.write('one');
  await eventually('the first arrives', () => server.text === 'one');
  proxy.reset();
  await eventually('both are told', () => client.isClosed && server.isClosed);
  assert.equal(client.error, 'ECONNRESET');
  assert.equal(server.error, 'ECONNRESET');
});

test('a half-close ends one direction, and the other goes on', async (t) => {
  const { client, server, proxy } = await line(t);
  client.socket.write('one');
  await eventually('the first arrives', () => server.text === 'one');
  proxy.halfClose('toClient');
  await eventually('the client is told', () => client.hasEnded);
  client.socket.write('two');
  await eventually('the second arrives', () => server.text === 'onetwo');
  assert.equal(server.hasEnded, false);
});

test('a reset after a half-close still ends the connection for both sides', async (t) => {
  const { client, server, proxy } = await line(t);
  client.socket.write('one');
  await eventually('the first arrives', () => server.text === 'one');
  proxy.halfClose('toTarget');
  proxy.halfClose('toClient');
  proxy.reset();
  await eventually('both are told', () => client.hasEnded && server.hasEnded);
  await eventually('no connection is left', () => proxy.connectionCount === 0);
  await eventually('the client learns that nobody is there', () => {
    client.socket.write('into the void');
    return client.isClosed;
  });
});

test('who resets is passed on, and a target that refuses closes its client', async (t) => {
  const { client, server, proxy } = await line(t);
  client.socket.resetAndDestroy();
  await eventually('the server is told', () => server.error === 'ECONNRESET');
  const refusing = await startSocketServer(() => undefined);
  refusing.close();
  proxy.targetPort = refusing.port;
  const second = new Ear(connect({ host: '127.0.0.1', port: proxy.port }));
  t.after(() => second.socket.destroy());
  await eventually('the client is told', () => second.isClosed);
});
