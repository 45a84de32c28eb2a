// framegate tap --decode while the services that it asks by reflection end the process that asks, answer without end, or never.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { childOf, firstChildOf, isAlive, noProcessTree } from '../support/process-tree.ts';
import { type FakeProxy, send, startFakeProxy, Tapping } from '../support/tapping.ts';

const OBEY = pathToFileURL(join(import.meta.dirname, 'obey-service.ts'));
const SAY = '/voice.VoiceAssistant/Say';
const skip = noProcessTree;

async function listening(t: TestContext, server: Server | ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const bound = server.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  return `127.0.0.1:${bound.port}`;
}

interface Service {
  readonly address: string;
  readonly connections: number;
}

/** @param answer is called with each stream */
async function startService(t: TestContext, answer: (stream: ServerHttp2Stream) => void): Promise<Service> {
  let connections = 0;
  const server = createServer();
  server.on('session', (session) => {
    connections++;
    session.on('error', () => undefined);
    t.after(() => session.destroy());
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    answer(stream);
  });
  const address = await listening(t, server);
  return {
    address,
    get connections() {
      return connections;
    },
  };
}

/** A service whose answer orders the process that reads it to do this. */
function startOrdering(t: TestContext, order: 'abort' | 'fill'): Promise<Service> {
  return startService(t, (stream) => stream.respond({ ':status': 200, 'x-order': order }));
}

/** A peer that accepts connections and says nothing. */
async function startSilence(t: TestContext): Promise<Service> {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections++;
    socket.on('error', () => undefined).resume();
    t.after(() => socket.destroy());
  });
  const address = await listening(t, server);
  return {
    address,
    get connections() {
      return connections;
    },
  };
}

/** A message of a call to the service at the address, which is the only one of its upstream. */
function sendMessage(fake: FakeProxy, endpoint: string, said: string): void {
  const bytes = Buffer.concat([Buffer.from([10, said.length]), Buffer.from(said)]).toString('base64');
  const facts = { method: SAY, direction: 'request', number: 1, sizeBytes: said.length + 2 };
  for (const stream of fake.streams)
    send(stream, { event: 'message', ...facts, bytes, endpoint, upstream: endpoint });
}

/** @returns what tap says of the message of a call to the service */
function reasonsOf({ lines }: Tapping, { address }: Service): readonly string[] {
  return lines.filter((line) => line.startsWith(`    not decoded: ${address} `));
}

const ENDS = [
  ['abort', /: the process that asked it has ended \(SIGABRT\), perhaps for want of memory;/],
  // On a busy machine the time may be over before the heap is full.
  [
    'fill',
    /: the process that asked it (?:has ended \(SIGABRT\), perhaps for want of memory|did not answer within 15 s);/,
  ],
] as const;

for (const [order, how] of ENDS)
  test(`a service that lets the process ${order === 'abort' ? 'abort' : 'fill its heap'} costs its own messages alone`, async (t) => {
    const demo = await startDemoService({ address: '127.0.0.1:0' });
    t.after(() => demo.forceClose());
    const hostile = await startOrdering(t, order);
    const fake = await startFakeProxy(t);
    const tapping = new Tapping(t, ['--admin', fake.admin, '--decode'], {
      NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${OBEY.href}`,
    });
    await tapping.shows('CLIENT');
    sendMessage(fake, hostile.address, 'first');
    sendMessage(fake, hostile.address, 'second');
    sendMessage(fake, demo.address, 'behind');
    await tapping.shows('{"text":"behind"}');
    const [first = '', second] = reasonsOf(tapping, hostile);
    assert.match(first, how);
    assert.match(
      first,
      /cannot be asked for descriptors: [^;]*; --proto FILE or --descriptors FILE describes/,
    );
    assert.equal(second, first);
    assert.equal(hostile.connections, 1, 'it is not asked again at once');
    assert.equal(tapping.stderr, '');
    tapping.child.kill('SIGINT');
    assert.equal(await tapping.exitCode(), 0);
  });

test('services that answer without end hold up neither tap nor Ctrl-C', async (t) => {
  const flood = await startService(t, (stream) => {
    stream.respond();
    const piece = Buffer.alloc(64 * 1024);
    const pour = (): void => {
      while (!stream.destroyed && stream.write(piece));
    };
    // Nothing but zeros: one empty answer after the other.
    stream.on('drain', pour);
    pour();
  });
  const trickle = await startService(t, (stream) => {
    stream.respond();
    // The beginning of an answer of 64 KiB, of which there is another byte again and again.
    stream.write(Buffer.from([0, 0, 1, 0, 0]));
    const timer = setInterval(() => void stream.write(Buffer.alloc(1)), 5);
    stream.on('close', () => clearInterval(timer));
    t.after(() => clearInterval(timer));
  });
  const fake = await startFakeProxy(t);
  const tapping = new Tapping(t, ['--admin', fake.admin, '--decode']);
  await tapping.shows('CLIENT');
  sendMessage(fake, flood.address, 'one');
  sendMessage(fake, trickle.address, 'two');
  await eventually('both were asked', () => reasonsOf(tapping, trickle).length === 1, START_TIMEOUT_MS);
  assert.match(
    reasonsOf(tapping, flood).join(),
    /does not list voice\.VoiceAssistant by reflection|without a question/,
  );
  assert.match(
    reasonsOf(tapping, trickle).join(),
    /cannot be asked for descriptors: it did not answer within 5 s/,
  );
  tapping.child.kill('SIGINT');
  assert.equal(await tapping.exitCode(), 0);
});

test('tap shows messages of services that never answer undecoded, and no process stays behind', {
  skip,
}, async (t) => {
  const silent = await startSilence(t);
  const fake = await startFakeProxy(t);
  const tapping = new Tapping(t, ['--admin', fake.admin, '--decode']);
  await tapping.shows('CLIENT');
  sendMessage(fake, silent.address, 'one');
  await eventually('it was asked', () => reasonsOf(tapping, silent).length === 1, START_TIMEOUT_MS);
  assert.match(reasonsOf(tapping, silent).join(), /it did not answer within 5 s/);
  const { pid = 0 } = tapping.child;
  await eventually('the process has ended', () => firstChildOf(pid) === undefined, START_TIMEOUT_MS);
});

for (const signal of ['SIGINT', 'SIGKILL'] as const)
  test(`${signal} ends tap and the process that asks a service which does not answer`, {
    skip,
  }, async (t) => {
    const silent = await startSilence(t);
    const fake = await startFakeProxy(t);
    const tapping = new Tapping(t, ['--admin', fake.admin, '--reflection', silent.address]);
    await tapping.shows('CLIENT');
    sendMessage(fake, '', 'never shown');
    await eventually('it is asked', () => silent.connections > 0, START_TIMEOUT_MS);
    const asking = await childOf(tapping.child.pid ?? 0);
    tapping.child.kill(signal);
    assert.equal(await tapping.exitCode(), signal === 'SIGINT' ? 0 : null);
    await eventually('the process that asks has ended', () => !isAlive(asking), START_TIMEOUT_MS);
    assert.doesNotMatch(tapping.stdout, /not decoded/);
  });
