// A service that stands still or hangs, seen by `framegate status` of a proxy with two workers: it must say the same as the log, the metrics and
// the calls in flight, although only one of the workers may have found out.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { isUsable } from '../../dashboard/model/endpoint-states.ts';
import { MetricsReading } from '../../src/cli/metrics-reading.ts';
import { fieldOf, listOf } from '../../src/control/answer-fields.ts';
import { status } from '../../src/demo/grpc.ts';
import { DashboardReader } from '../support/dashboard-reader.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { LiveReader } from '../support/live-reader.ts';
import { startServiceProcess } from '../support/proxy-process.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import { clearListener, type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

const OK: number = status.OK;
const main = join(import.meta.dirname, '../../src/main.ts');

async function adminOf(proxy: ReloadingProxy): Promise<string> {
  return `127.0.0.1:${await proxy.process.port('admin')}`;
}

async function statusOf(proxy: ReloadingProxy): Promise<string> {
  const child = spawn(process.execPath, [main, 'status', '--admin', await adminOf(proxy)], {
    env: { ...process.env, FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [shown] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return shown;
}

/** Resolves to the one endpoint, as the admin server shows it. */
async function endpointOf(proxy: ReloadingProxy): Promise<unknown> {
  const { body } = await proxy.ask('GET', '/api/upstreams');
  const [upstream] = listOf(fieldOf(body, 'upstreams'));
  return listOf(fieldOf(upstream, 'endpoints'))[0];
}

/** Resolves to two clients, each of which has another worker, when both workers have a connection to the service. */
async function clientsOfBothWorkers(
  t: TestContext,
  proxy: ReloadingProxy,
): Promise<readonly TestVoiceClient[]> {
  const address = `127.0.0.1:${await proxy.process.port('clear')}`;
  const clients = [1, 2].map(() => connectVoiceClient({ address }));
  t.after(() => {
    for (const client of clients) client.close();
  });
  for (const client of clients) assert.equal((await client.say({})).code, OK);
  await eventually('both workers have a connection to the service', async () => {
    return fieldOf(fieldOf(await endpointOf(proxy), 'connections'), 'ready') === 2;
  });
  return clients;
}

test('status says that no endpoint can be used while the other worker has an idle connection that is as dead', async (t) => {
  const service = await startServiceProcess(t);
  const proxy = await startReloadingProxy(t, {
    workers: 2,
    listeners: [clearListener],
    upstreams: {
      voice: {
        endpoints: [service.address],
        keepalive: { after: '1s', timeout: '1s' },
        connections: { connectTimeout: '1s' },
      },
    },
  });
  const [client] = await clientsOfBothWorkers(t, proxy);
  const dashboard = new DashboardReader(await proxy.process.port('admin'));
  t.after(() => dashboard.stream.close());
  const shownAs = (wanted: boolean) =>
    dashboard.figures('the dashboard counts as status does', ({ upstreams }) =>
      upstreams.every(({ endpoints }) => endpoints.every((endpoint) => isUsable(endpoint) === wanted)),
    );
  const before = await statusOf(proxy);
  assert.match(before, /^upstream voice: 1 of 1 endpoint usable$/m);
  assert.doesNotMatch(before, /no endpoint can be used/);
  process.kill(service.pid, 'SIGSTOP');
  try {
    assert.equal((await client.say({}, { deadlineMs: START_TIMEOUT_MS })).code, status.UNAVAILABLE);
    await proxy.line('no endpoint of upstream voice can be used');
    const shown = await statusOf(proxy);
    assert.equal(fieldOf(fieldOf(await endpointOf(proxy), 'connections'), 'ready'), 1);
    assert.match(shown, /^but no endpoint can be used: voice \(1 of 1 upstream\)$/m);
    assert.match(shown, /^upstream voice: 0 of 1 endpoint usable$/m);
    assert.match(shown, /not reached by 1 of 2 processes, and the others have heard nothing of it since$/m);
    await shownAs(false);
    const metrics = await fetch(`http://${await adminOf(proxy)}/metrics`);
    assert.equal(new MetricsReading(await metrics.text(), 0).sum('framegate_endpoint_healthy'), 0);
  } finally {
    process.kill(service.pid, 'SIGCONT');
  }
  await eventually('it is used again', async () => {
    const { code } = await client.say({});
    return code === OK && /^upstream voice: 1 of 1 endpoint usable$/m.test(await statusOf(proxy));
  });
  await shownAs(true);
});

test('status says how many calls of an endpoint wait for their service, although it answers on its connections', async (t) => {
  const service = await startRawUpstream(t, { onRequest: () => undefined });
  const proxy = await startReloadingProxy(t, {
    workers: 2,
    listeners: [clearListener],
    upstreams: { voice: { endpoints: [service.address] } },
  });
  const port = await proxy.process.port('clear');
  for (const _worker of [1, 2]) {
    const client = await connectRawClient({ port });
    t.after(() => client.destroy());
    for (let call = 0; call < 3; call++)
      client.call({ path: '/a.B/Hang', body: grpcMessage(Buffer.alloc(3)) });
  }
  await eventually('all of them are said to wait', async () => {
    const shown = await statusOf(proxy);
    return /\u2713 \S+ {2}6 calls, 6 wait for the service, /.test(shown);
  });
  assert.equal(fieldOf(await endpointOf(proxy), 'heldUp'), 6);
});

test('a service that owes an answer to the keepalive blocks its calls, while they run and in their records', async (t) => {
  const service = await startServiceProcess(t);
  const proxy = await startReloadingProxy(t, {
    listeners: [clearListener],
    upstreams: { voice: { endpoints: [service.address], keepalive: { after: '1s', timeout: '10m' } } },
  });
  const client = connectVoiceClient({ address: `127.0.0.1:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  const stream = client.streamAudio();
  stream.send({ sequence: 1, audio: Buffer.alloc(10) });
  await stream.next();
  process.kill(service.pid, 'SIGSTOP');
  const talk = setInterval(() => stream.send({ audio: Buffer.alloc(10) }), 50);
  try {
    const unanswered =
      /The service has sent nothing for .* The connection of the service has not answered the keepalive of [\d.]+ s ago: /;
    const { blocked } = await new LiveReader(proxy).call(
      '/voice.VoiceAssistant/StreamAudio',
      (call) => call.blocked.by === 'service' && unanswered.test(call.blocked.sentence),
    );
    assert.equal(blocked.how, 'silent');
    stream.cancel();
    const record = await proxy.line('exchange finished');
    assert.equal(record['blockedBy'], 'service');
    assert.match(String(record['reason']), unanswered);
  } finally {
    clearInterval(talk);
    process.kill(service.pid, 'SIGCONT');
  }
});
