import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Containment } from '../../src/transport/containment.ts';
import { WaitingSocket } from '../../src/transport/waiting-socket.ts';
import { eventually } from '../support/eventually.ts';

const containment = new Containment('listener', (_layer, error) => {
  throw error;
});

async function pair(context: TestContext): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const far = connect(address.port, '127.0.0.1');
  far.on('error', () => undefined);
  const near = await new Promise<Socket>((resolve) => {
    server.once('connection', resolve);
  });
  context.after(() => {
    for (const socket of [near, far]) socket.destroy();
    server.close();
  });
  return [near, far];
}

test('what comes early is given back whole and in order, in front of what is still to come', async (context) => {
  const [near, far] = await pair(context);
  const waiting = new WaitingSocket(near, Buffer.from('head '), containment);
  let sent = 'head ';
  for (let piece = 0; piece < 300; piece++) {
    far.write(`${piece} `);
    sent += `${piece} `;
    await eventually('the piece', () => near.bytesRead === sent.length - 5);
  }
  waiting.giveBack();
  far.end('and the rest');
  let text = '';
  near.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  near.resume();
  await once(near, 'end');
  assert.equal(text, `${sent}and the rest`);
});

test('nothing is given back where nothing came', async (context) => {
  const [near] = await pair(context);
  assert.equal(new WaitingSocket(near, Buffer.alloc(0), containment).take().length, 0);
});

test('a client that sends on and on is not read from any more', async (context) => {
  const [near, far] = await pair(context);
  const waiting = new WaitingSocket(near, Buffer.alloc(0), containment);
  far.write(Buffer.alloc(16_000_000));
  await eventually('nobody reads', () => near.isPaused());
  assert.ok(waiting.take().length < 65_536 * 3);
});

test('a client that leaves takes its socket with it', async (context) => {
  const [near, far] = await pair(context);
  const waiting = new WaitingSocket(near, Buffer.from('early'), containment);
  far.end();
  await once(near, 'close');
  assert.equal(String(waiting.take()), 'early');
});
