// With workers every kind of listener serves as it does in one process, clients are spread over them, and what the admin
// server says is about all of them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { samplesOf } from '../support/metrics-reader.ts';
import { startDemo, startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import {
  clearListener,
  type ReloadingProxy,
  startReloadingProxy,
  tlsListener,
} from '../support/reloading-proxy.ts';
import { startTalking, wantGoodEnd } from '../support/talking-streams.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

const WORKERS = 2;

async function started(
  t: TestContext,
  sections: Readonly<Record<string, unknown>> = {},
): Promise<ReloadingProxy> {
  const service = await startDemo(t);
  return startReloadingProxy(t, {
    workers: WORKERS,
    upstreams: { voice: { endpoints: [service.address] } },
    ...sections,
  });
}

test('TLS, clear and Unix listeners are served by every worker, and say who the client is', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-unix-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'socket');
  const proxy = await started(t, {
    listeners: [tlsListener, clearListener, { name: 'unix', address: `unix:${path}` }],
  });
  const ca = proxy.process.caPem;
  const ports = { tls: await proxy.process.port('tls'), clear: await proxy.process.port('clear') };
  // At the same time, so that all workers have some of each.
  const clients: TestVoiceClient[] = Array.from({ length: 4 * WORKERS }, () => [
    connectVoiceClient({ address: `localhost:${ports.tls}`, ca }),
    connectVoiceClient({ address: `localhost:${ports.clear}` }),
    connectVoiceClient({ address: `unix:${path}` }),
  ]).flat();
  t.after(() => clients.forEach((client) => client.close()));
  const outcomes = await Promise.all(clients.map((client) => client.say({ text: 'hello' })));
  for (const { code, details } of outcomes) assert.equal(code, status.OK, details);
  const records = await eventually('every call is in the log', () => {
    const found = proxy.process.lines().filter(({ msg }) => msg === 'exchange finished');
    return found.length === clients.length && found;
  });
  const clientsOf = (name: string) =>
    records.filter(({ listener }) => listener === name).map(({ client }) => String(client));
  for (const name of ['tls', 'clear'])
    assert.ok(clientsOf(name).every((client) => /^(127\.0\.0\.1|\[::1\]):\d+$/.test(client)));
  assert.deepEqual(new Set(clientsOf('unix')), new Set(['unix:']));
  assert.equal(new Set(records.map(({ pid }) => pid)).size, WORKERS);
  const opened = proxy.process.lines().filter(({ msg }) => msg === 'listener is open');
  assert.equal(opened.length, 3, 'listeners are open once, not once for each worker');
});

test('a PROXY header and what a trusted client says of others reach the worker as they were sent', async (t) => {
  const service = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await started(t, {
    upstreams: { voice: { endpoints: [service.address] } },
    listeners: [
      { ...clearListener, proxyProtocol: { trusted: ['127.0.0.0/8'] }, trustedClients: ['203.0.113.0/24'] },
    ],
  });
  const port = await proxy.process.port('clear');
  for (const address of ['203.0.113.7', '198.51.100.9']) {
    const header = Buffer.from(`PROXY TCP4 ${address} 192.0.2.1 40000 443\r\n`);
    const client = await connectRawClient({ port, beforePreface: header });
    t.after(() => client.destroy());
    const call = client.call({ fields: [['x-forwarded-for', '192.0.2.99']] });
    assert.equal((await client.outcome(call)).grpcStatus, '0');
  }
  const forwardedFor = service.requests.map(
    ({ fields }) => fields.find(([name]) => name === 'x-forwarded-for')?.[1],
  );
  assert.deepEqual(forwardedFor, ['192.0.2.99, 203.0.113.7', '198.51.100.9']);
});

test('clients that come one after the other are spread evenly, and go where the fewest streams are', async (t) => {
  const proxy = await started(t);
  const address = `localhost:${await proxy.process.port('clear')}`;
  const streams = await startTalking(t, { address, count: 20 });
  const busy = await eventually('every stream is reported', async () => {
    const workers = await proxy.workers();
    return workers.reduce((sum, one) => sum + one.streams, 0) === streams.length && workers;
  });
  assert.deepEqual(
    busy.map((one) => one.streams),
    [10, 10],
  );
  // One connection with many streams weighs more than many connections without one.
  const heavy = connectVoiceClient({ address });
  t.after(() => heavy.close());
  const load = Array.from({ length: 30 }, () => heavy.streamAudio());
  for (const stream of load) stream.send({ sequence: 1 });
  for (const stream of load) assert.equal((await stream.next())?.sequence, 1);
  const [lighter, heavier] = await eventually('they are reported', async () => {
    const workers = (await proxy.workers()).toSorted((one, other) => one.streams - other.streams);
    return workers[1].streams === 40 && workers;
  });
  const more = await startTalking(t, { address, count: 10 });
  await eventually('the newcomers are with the lighter one', async () => {
    const workers = await proxy.workers();
    const streamsOf = (worker: number) => workers.find((one) => one.worker === worker)?.streams;
    return streamsOf(lighter.worker) === 20 && streamsOf(heavier.worker) === 40;
  });
  for (const stream of load) stream.finish();
  await wantGoodEnd([...streams, ...more]);
});

/** Resolves when the server's first bytes have come, which is after its session tickets. */
async function visit(
  port: number,
  session: Buffer | undefined,
): Promise<{ readonly socket: TLSSocket; readonly session: Buffer | undefined }> {
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    ...(session && { session }),
  });
  let given: Buffer | undefined;
  socket.on('session', (ticket: Buffer) => {
    given ??= ticket;
  });
  await once(socket, 'data');
  return { socket, session: given };
}

test('a TLS session begun with one worker is resumed by every other', async (t) => {
  const proxy = await started(t);
  const port = await proxy.process.port('tls');
  const first = await visit(port, undefined);
  t.after(() => first.socket.destroy());
  assert.ok(first.session !== undefined);
  // All stay open, so that the next one goes to another worker.
  for (let count = 0; count < 2 * WORKERS; count++) {
    const next = await visit(port, first.session);
    t.after(() => next.socket.destroy());
    assert.equal(next.socket.isSessionReused(), true);
  }
  const connections = (await proxy.workers()).map((worker) => worker.connections);
  assert.ok(
    connections.every((count) => count > 0),
    connections.join(),
  );
});

test('what the admin server says is about all workers', async (t) => {
  const proxy = await started(t);
  const port = await proxy.process.port('clear');
  const clients = Array.from({ length: 4 }, () => connectVoiceClient({ address: `localhost:${port}` }));
  t.after(() => clients.forEach((client) => client.close()));
  for (const client of clients) {
    for (let call = 0; call < 5; call++) assert.equal((await client.say({ text: 'x' })).code, status.OK);
  }
  const adminPort = await proxy.process.port('admin');
  const text = async () => (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const exchanges = samplesOf(await text()).filter(({ name }) => name === 'framegate_exchanges_total');
  assert.equal(
    exchanges.reduce((sum, { value }) => sum + value, 0),
    20,
  );
  // Strangers at both workers, at the same time.
  const strangers: Socket[] = Array.from({ length: 4 }, () => connectSocket({ host: '127.0.0.1', port }));
  for (const socket of strangers) socket.end('neither HTTP nor TLS\r\n\r\n');
  await Promise.all(strangers.map((socket) => once(socket.resume(), 'close')));
  const { body } = await proxy.ask('GET', '/api/diagnoses');
  const counts: unknown = Reflect.get(body, 'counts');
  assert.deepEqual(
    Object.values(Object(counts)).reduce((sum: number, count) => sum + Number(count), 0),
    4,
  );
  const libraries: unknown = Reflect.get(body, 'clients');
  assert.ok(Array.isArray(libraries) && libraries.length === 1, 'strangers have no user-agent, and no row');
  assert.deepEqual(
    [Reflect.get(Object(libraries[0]), 'library'), Reflect.get(Object(libraries[0]), 'connections')],
    ['grpc-node', clients.length],
    'the connections of both workers are added up',
  );
  // Of a worker that has died what it had counted stays.
  const [victim] = await proxy.workers();
  process.kill(victim.pid, 'SIGKILL');
  await proxy.line('a worker died');
  const after = samplesOf(await text()).filter(({ name }) => name === 'framegate_exchanges_total');
  assert.equal(
    after.reduce((sum, { value }) => sum + value, 0),
    20,
  );
});

test('a worker that does not answer is left out, and the answer says which', async (t) => {
  const proxy = await started(t);
  const [silent, other] = await proxy.workers();
  process.kill(silent.pid, 'SIGSTOP');
  const diagnoses = (await proxy.ask('GET', '/api/diagnoses')).body;
  assert.deepEqual(Reflect.get(diagnoses, 'unanswered'), [silent.worker]);
  const report = (await proxy.ask('GET', '/api/config')).body;
  assert.deepEqual(Reflect.get(report, 'unanswered'), [silent.worker]);
  const { body: exchanges } = await proxy.ask('GET', '/api/exchanges');
  assert.deepEqual(Reflect.get(exchanges, 'unanswered'), [silent.worker]);
  assert.ok(report.workers?.some(({ worker }) => worker === other.worker));
  process.kill(silent.pid, 'SIGCONT');
  await eventually('it answers again', async () => {
    return Reflect.get((await proxy.ask('GET', '/api/config')).body, 'unanswered') === undefined;
  });
});

test('lines of several processes are whole, however many they write at once', async (t) => {
  const proxy = await started(t);
  const address = `localhost:${await proxy.process.port('clear')}`;
  const clients = Array.from({ length: 8 }, () => connectVoiceClient({ address }));
  t.after(() => clients.forEach((client) => client.close()));
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      clients.flatMap((client) => Array.from({ length: 20 }, () => client.say({ text: 'x' }))),
    );
  }
  // Each line is parsed: one that is torn ends the test.
  const records = await eventually('every call is in the log', () => {
    const found = proxy.process.lines().filter(({ msg }) => msg === 'exchange finished');
    return found.length === 20 * 20 * clients.length && found;
  });
  assert.equal(new Set(records.map(({ pid }) => pid)).size, WORKERS);
});
