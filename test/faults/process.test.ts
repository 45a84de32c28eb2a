// What befalls the process and not the network: descriptors run out, the log cannot be written, the clock jumps, memory is
// short. Calls go on, or end with a status; the process stays.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { ChildProxy } from '../support/child-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo, startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient, type RawClient } from '../support/raw-client.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

function voiceClient(t: TestContext, proxy: ChildProxy): TestVoiceClient {
  const client = connectVoiceClient({ address: `127.0.0.1:${proxy.port}` });
  t.after(() => client.close());
  return client;
}

async function rawClient(t: TestContext, proxy: ChildProxy): Promise<RawClient> {
  const client = await connectRawClient({ port: proxy.port });
  t.after(() => client.destroy());
  return client;
}

/** By default clients would be turned away long before that. */
const UNLIMITED = { limits: { connections: 1000, connectionsPerAddress: 'off' } };

function isOk({ code }: { readonly code: number }): boolean {
  return status[code] === 'OK';
}

test('a process without descriptors refuses new clients, serves those it has, and recovers', async (t) => {
  const demo = await startDemo(t);
  const proxy = await ChildProxy.start(t, {
    endpoints: [demo.address],
    shell: 'ulimit -n 60;',
    sections: UNLIMITED,
  });
  const client = voiceClient(t, proxy);
  const stream = client.streamAudio();
  stream.send({ sequence: 1 });
  assert.equal((await stream.next())?.sequence, 1);
  let closed = 0;
  const crowd: Socket[] = Array.from({ length: 100 }, () => {
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    socket.on('error', () => undefined);
    socket.on('close', () => closed++);
    return socket;
  });
  t.after(() => crowd.forEach((socket) => socket.destroy()));
  await eventually('most of the crowd is turned away', () => closed > 40);
  for (let sequence = 2; sequence < 12; sequence++) {
    stream.send({ sequence });
    assert.equal((await stream.next())?.sequence, sequence);
  }
  assert.ok(isOk(await client.say({})), 'calls on a connection it has');
  const line = await eventually('the log says so', () =>
    proxy.lines().find(({ token }) => token === 'listener_error'),
  );
  assert.match(String(line['detail']), /no file descriptor is left \(EMFILE\)/);
  assert.equal(line['code'], 'FG1044');
  for (const socket of crowd) socket.destroy();
  const newcomer = voiceClient(t, proxy);
  await eventually('a new client is served', async () => isOk(await newcomer.say({})));
  stream.finish();
  assert.ok(isOk(await stream.outcome));
  assert.equal(proxy.hasExited, false);
});

test('without a descriptor for the service a call is told so, and the next is served once there is one', async (t) => {
  const demo = await startDemo(t);
  const proxy = await ChildProxy.start(t, {
    endpoints: [demo.address],
    shell: 'ulimit -n 60;',
    sections: UNLIMITED,
  });
  const client = await rawClient(t, proxy);
  const crowd: Socket[] = Array.from({ length: 100 }, () => {
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    socket.on('error', () => undefined);
    return socket;
  });
  t.after(() => crowd.forEach((socket) => socket.destroy()));
  await eventually('the crowd is settled', () => crowd.filter(({ destroyed }) => destroyed).length > 40);
  const outcome = await client.outcome(client.call());
  assert.equal(outcome.grpcStatus, String(status.UNAVAILABLE), outcome.grpcMessage);
  assert.match(outcome.grpcMessage, /No file descriptor is left .*\(EMFILE\)/);
  const line = await eventually('the log says so', () =>
    proxy.lines().find(({ token }) => token === 'upstream_too_many_open_files'),
  );
  assert.equal(line['endpoint'], demo.address);
  for (const socket of crowd) socket.destroy();
  const newcomer = voiceClient(t, proxy);
  await eventually('calls succeed', async () => isOk(await newcomer.say({})));
});

const SINKS: readonly (readonly [what: string, redirection: string])[] = [
  ['a full disk', '>/dev/full'],
  ['a pipe whose reader has left', '| true'],
  ['a pipe that nobody reads', '| sleep 1000'],
];

for (const [what, redirection] of SINKS) {
  test(`a log that goes to ${what} costs no call`, async (t) => {
    const demo = await startDemo(t);
    const proxy = await ChildProxy.start(t, {
      endpoints: [demo.address],
      redirection,
      sections: { workers: 2 },
    });
    const client = voiceClient(t, proxy);
    // Much more than a pipe holds.
    for (let batch = 0; batch < 20; batch++) {
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => client.say({ text: 'x' })));
      assert.ok(outcomes.every(isOk));
    }
    const stream = client.streamAudio();
    stream.send({ sequence: 1 });
    assert.equal((await stream.next())?.sequence, 1);
    stream.finish();
    assert.ok(isOk(await stream.outcome));
  });
}

test('a log that goes to a FIFO whose reader comes and goes costs no call', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-fifo-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const fifo = join(folder, 'log');
  execFileSync('mkfifo', [fifo]);
  const demo = await startDemo(t);
  // Opened for both directions, so that the shell does not wait for a reader.
  const proxy = await ChildProxy.start(t, {
    endpoints: [demo.address],
    redirection: `1<>${fifo}`,
    sections: { workers: 2 },
  });
  const client = voiceClient(t, proxy);
  for (let batch = 0; batch < 20; batch++) {
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => client.say({ text: 'x' })));
    assert.ok(outcomes.every(isOk));
  }
  assert.equal(proxy.hasExited, false);
  proxy.signal('SIGTERM');
  assert.equal(await proxy.exit(), 0);
});

test('a clock that jumps by an hour either way moves no deadline, ends no call, and shows in no duration', async (t) => {
  const upstream = await startRawUpstream(t);
  const clock = join(import.meta.dirname, 'jumping-clock.ts');
  const proxy = await ChildProxy.start(t, {
    endpoints: [upstream.address],
    nodeOptions: ['--import', clock],
  });
  const client = await rawClient(t, proxy);
  const startedMs = performance.now();
  const patient = client.call({ fields: [['grpc-timeout', '30S']] });
  const request = await upstream.wantRequest();
  for (let jump = 0; jump < 3; jump++) {
    proxy.signal('SIGUSR2');
    const hasty = client.call({ fields: [['grpc-timeout', '100m']] });
    assert.equal((await client.outcome(hasty)).grpcStatus, String(status.DEADLINE_EXCEEDED));
  }
  request.succeed();
  assert.equal((await client.outcome(patient)).grpcStatus, '0');
  const elapsedMs = performance.now() - startedMs;
  const records = await eventually('four records', () => {
    const found = proxy.lines().filter(({ msg }) => msg === 'exchange finished');
    return found.length === 4 && found;
  });
  for (const record of records) {
    const durationMs = Number(record['durationMs']);
    assert.ok(durationMs > 0 && durationMs <= elapsedMs, `${durationMs} ms of ${elapsedMs}`);
  }
  for (const record of records.slice(0, 3))
    assert.ok(Number(record['durationMs']) >= 100, 'no deadline came early');
});

test('a small heap is enough for a hundred large uploads that a service does not read', async (t) => {
  const upstream = await startRawUpstream(t, { givesCredit: false });
  const proxy = await ChildProxy.start(t, {
    endpoints: [upstream.address],
    nodeOptions: ['--max-old-space-size=48'],
  });
  const client = await rawClient(t, proxy);
  for (let call = 0; call < 100; call++) client.pump(client.call({ endStream: false }), 10_000_000);
  await eventually('all calls have come', () => upstream.requests.length === 100);
  const other = await connectRawClient({ port: proxy.port });
  t.after(() => other.destroy());
  const call = other.call();
  const request = await upstream.wantRequest(100);
  request.succeed();
  assert.equal((await other.outcome(call)).grpcStatus, '0');
  assert.equal(proxy.hasExited, false);
});

test('a client that vanished without a word is asked for by the kernel after a minute of silence', {
  skip: process.platform === 'linux' ? false : 'reads /proc/net/tcp',
}, async (t) => {
  const demo = await startDemo(t);
  const proxy = await ChildProxy.start(t, { endpoints: [demo.address] });
  const client = await rawClient(t, proxy);
  await client.outcome(client.call());
  const { localPort = 0 } = client.socket;
  const timer = await eventually('a keepalive timer', () => keepaliveTimer(proxy.port, localPort));
  assert.ok(timer <= 60, `asked for after ${timer} s`);
});

/** Seconds until the kernel sends a keepalive probe on the accepted socket; undefined when no such timer runs. */
function keepaliveTimer(localPort: number, remotePort: number): number | undefined {
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (!fields[1]?.endsWith(`:${hex(localPort)}`) || !fields[2]?.endsWith(`:${hex(remotePort)}`)) continue;
    // tr:tm->when; 2 is the keepalive timer, in jiffies of 1/100 s.
    const [active, when] = fields[5].split(':');
    return active === '02' ? Number.parseInt(when, 16) / 100 : undefined;
  }
  return undefined;
}

/** As /proc/net/tcp writes a port. */
function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}
