// What /metrics of a running proxy says of real calls, of clients that do something wrong, and of services that are down.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import { type MetricSample, readMetrics, sumOf } from '../support/metrics-reader.ts';
import {
  type ProxySettings,
  type ProxyUnderTest,
  startDemo,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { windowUpdateFrame } from '../support/raw-frames.ts';

const longMs = 60_000;
const TOTAL = 'framegate_exchanges_total';

interface Metered {
  readonly proxy: ProxyUnderTest;
  readonly read: () => Promise<readonly MetricSample[]>;
  /** The sum, once it is `value`. */
  readonly want: (value: number, name: string, labels?: Readonly<Record<string, string>>) => Promise<void>;
}

async function startMetered(t: TestContext, settings: ProxySettings): Promise<Metered> {
  const sections = {
    admin: { address: '127.0.0.1:0' },
    log: { level: 'info', access: false },
    ...settings.sections,
  };
  const proxy = await startProxy(t, { ...settings, sections });
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const read = () => readMetrics(String(address));
  const want: Metered['want'] = async (value, name, labels) => {
    let last: number | undefined;
    await eventually(`${name} ${JSON.stringify(labels)} is ${value}`, async () => {
      last = sumOf(await read(), name, labels);
      return last === value;
    }).catch((error: unknown) => assert.fail(`${String(error)}; it is ${last}`));
  };
  return { proxy, read, want };
}

/** Without an end of its own the client stays connected. */
async function sendInTheClear(port: number, bytes: string): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.resume();
  socket.end(bytes);
  await once(socket, 'close');
}

/** As a client that asks for a name of its own, and does nothing more. */
async function shakeHands(port: number, servername: string): Promise<void> {
  const options = { host: '127.0.0.1', port, servername, ALPNProtocols: ['h2'], rejectUnauthorized: false };
  const socket = connectTls(options, () => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'close');
}

test('calls are counted by listener, route, upstream and status, without an access log too', async (t) => {
  const demo = await startDemo(t);
  const { proxy, want } = await startMetered(t, { endpoints: [demo.address] });
  const client = proxy.voiceClient('tls');
  assert.equal((await client.say({ text: 'hello' })).code, status.OK);
  assert.equal((await client.say({ text: 'hello' })).code, status.OK);
  assert.equal((await client.fail({ code: status.NOT_FOUND })).code, status.NOT_FOUND);
  await client.narrate({ text: 'one two three' });
  const controller = new AbortController();
  const cancelled = client.say({ delayMs: longMs }, { signal: controller.signal });
  await eventually('the call reaches the service', () => demo.counters.Say.started === 3);
  controller.abort();
  await cancelled;
  const ofAll = { listener: 'tls', route: 'all', upstream: 'voice' };
  await want(3, TOTAL, { ...ofAll, grpc_status: 'OK' });
  await want(1, TOTAL, { ...ofAll, grpc_status: 'NOT_FOUND' });
  await want(1, TOTAL, { ...ofAll, grpc_status: 'CANCELLED' });
  await want(5, TOTAL);
  await want(5, 'framegate_exchange_duration_seconds_count', ofAll);
  await want(5, 'framegate_messages_total', { direction: 'request' });
  await want(0, 'framegate_exchanges_active');
  await want(1, 'framegate_upstream_connections', { upstream: 'voice', state: 'ready' });
});

test('a stream counts while it runs, once', async (t) => {
  const demo = await startDemo(t);
  const { proxy, want, read } = await startMetered(t, { endpoints: [demo.address] });
  const stream = proxy.voiceClient('tls').streamAudio();
  stream.send({ sequence: 1, audio: Buffer.alloc(1000) });
  await stream.next();
  await want(1, 'framegate_exchanges_active');
  const running = await read();
  assert.equal(sumOf(running, TOTAL), undefined, 'it is not finished');
  assert.equal(sumOf(running, 'framegate_messages_total', { direction: 'request' }), 1);
  const bytes = sumOf(running, 'framegate_bytes_total', { direction: 'request' }) ?? 0;
  assert.ok(bytes > 1000 && bytes < 1100, `${bytes} bytes`);
  stream.finish();
  await stream.outcome;
  await want(1, TOTAL, { grpc_status: 'OK' });
  await want(1, 'framegate_messages_total', { direction: 'request' });
  await want(bytes, 'framegate_bytes_total', { direction: 'request' });
});

test('a response that its client does not read is shown as blocked, and its first message is counted at the end', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      request.sendHeaders();
      request.sendMessage(Buffer.alloc(1000));
    },
  });
  const { proxy, want } = await startMetered(t, { endpoints: [upstream.address] });
  // A window of 100 bytes for each stream.
  const client = await proxy.rawClient('clear', { settings: [[4, 100]], givesCredit: false });
  const streamId = client.call({});
  await want(1, 'framegate_exchanges_blocked', { direction: 'response' });
  await want(905, 'framegate_blocked_bytes', { direction: 'response' });
  await want(0, 'framegate_exchanges_blocked', { direction: 'request' });
  client.sendReset(streamId, 8);
  await want(0, 'framegate_exchanges_blocked', { direction: 'response' });
  await want(1, 'framegate_exchange_first_message_seconds_count', { route: 'all' });
});

test('a call without a message has no first one', async (t) => {
  const upstream = await startRawUpstream(t, { onRequestEnd: (request) => request.reset(8) });
  const { proxy, want } = await startMetered(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call({}));
  await want(1, TOTAL);
  await want(0, 'framegate_exchange_first_message_seconds_count');
});

test('what the proxy ends itself is counted by its token', async (t) => {
  const upstream = await startRawUpstream(t);
  const routes = [{ name: 'only', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice' }];
  const { proxy, want } = await startMetered(t, { endpoints: [upstream.address], sections: { routes } });
  await want(0, 'framegate_failures_total', { token: 'no_route' });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call({ path: '/no.Such/Method' }));
  await client.outcome(client.call({ fields: [['grpc-timeout', '50m']] }));
  await want(1, 'framegate_failures_total', { token: 'no_route' });
  await want(1, 'framegate_failures_total', { token: 'deadline_exceeded' });
  await want(1, TOTAL, { route: '', upstream: '', grpc_status: 'UNIMPLEMENTED' });
  await want(1, TOTAL, { route: 'only', grpc_status: 'DEADLINE_EXCEEDED' });
});

test('calls that are refused because of a mistake of their client count for no route, whatever they speak', async (t) => {
  const upstream = await startRawUpstream(t);
  const { proxy, want } = await startMetered(t, { endpoints: [upstream.address] });
  const clear = await connectRawClient({ port: proxy.port('tls') });
  t.after(() => clear.destroy());
  await clear.outcome(clear.call({}));
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call({ fields: [['grpc-timeout', 'soon']] }));
  const request =
    'POST /a.B/C HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n';
  await sendInTheClear(proxy.port('clear'), request);
  const ofNone = { route: '', upstream: '' };
  await want(1, TOTAL, { ...ofNone, listener: 'tls', grpc_status: 'UNAVAILABLE' });
  await want(1, TOTAL, { ...ofNone, listener: 'clear', grpc_status: 'INTERNAL' });
  await want(1, TOTAL, { ...ofNone, listener: 'clear', grpc_status: 'UNAVAILABLE' });
  await want(3, TOTAL);
  await want(1, 'framegate_refused_clients_total', { diagnosis: 'plaintext_on_tls_port' });
  await want(1, 'framegate_refused_clients_total', { diagnosis: 'http1_grpc' });
});

test('a refused client is counted by its diagnosis, every time', async (t) => {
  const { proxy, want } = await startMetered(t, {});
  await want(0, 'framegate_refused_clients_total');
  for (let client = 0; client < 3; client++) {
    await sendInTheClear(proxy.port('tls'), 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  }
  await want(3, 'framegate_refused_clients_total', { diagnosis: 'http1_on_tls_port' });
  await want(3, 'framegate_refused_clients_total');
});

test('rules of HTTP/2 that a client breaks are counted by the token of the rule, every time', async (t) => {
  const { proxy, want } = await startMetered(t, {});
  for (let client = 0; client < 3; client++) {
    const raw = await proxy.rawClient('clear');
    raw.send(windowUpdateFrame(0, 0));
    await raw.wantGoAway();
  }
  await want(3, 'framegate_protocol_errors_total', { side: 'downstream', token: 'window_update_zero' });
  await want(3, 'framegate_protocol_errors_total');
});

test('rules of HTTP/2 that a service breaks are counted apart from those of clients', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: ({ peer, streamId }) => peer.send(windowUpdateFrame(streamId, 0)),
  });
  const { proxy, want } = await startMetered(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call());
  await want(1, 'framegate_protocol_errors_total', { side: 'upstream', token: 'window_update_zero' });
  await want(1, 'framegate_protocol_errors_total');
  await want(1, 'framegate_failures_total', { token: 'upstream_protocol_error' });
});

test('an endpoint that cannot be reached is not healthy until it is tried with success', async (t) => {
  const demo = await startDemo(t);
  const dead = { upstream: 'voice', endpoint: '127.0.0.1:1' };
  const { proxy, want, read } = await startMetered(t, { endpoints: [demo.address, dead.endpoint] });
  await want(1, 'framegate_endpoint_healthy', dead);
  const client = proxy.voiceClient('tls');
  await client.say({});
  await want(0, 'framegate_endpoint_healthy', dead);
  const samples = await read();
  assert.equal(sumOf(samples, 'framegate_endpoint_healthy', { endpoint: demo.address }), 1);
  const failures = sumOf(samples, 'framegate_endpoint_failures_total', {
    ...dead,
    token: 'upstream_connection_refused',
  });
  assert.ok(failures !== undefined && failures >= 1);
});

test('a reset by the service counts by the status that clients make of it', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.reset(ErrorCode.CANCEL) });
  const { proxy, want } = await startMetered(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call());
  await want(1, TOTAL, { grpc_status: 'CANCELLED' });
});

test('clients cannot make labels: paths, hosts, methods, names and codes of their own change no number of lines', async (t) => {
  let code = 100;
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.sendTrailers([['grpc-status', `${code++}`]]);
    },
  });
  const { proxy, want, read } = await startMetered(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  await client.outcome(client.call());
  await want(1, TOTAL);
  const before = (await read()).map(({ name, labels }) => [name, labels]);
  for (let call = 0; call < 50; call++) {
    const fields = [
      [':authority', `host-${call}.test`],
      ['user-agent', `agent-${call}`],
      ['x-request-id', `id-${call}`],
    ] as const;
    await client.outcome(client.call({ path: `/p${call}.S/M?q=${call}`, fields }));
  }
  for (let name = 0; name < 5; name++) await shakeHands(proxy.port('tls'), `name-${name}.test`);
  await want(51, TOTAL, { grpc_status: 'UNKNOWN' });
  const after = (await read()).map(({ name, labels }) => [name, labels]);
  assert.deepEqual(after, before);
});

test('calls that no endpoint can take are counted by upstream, from zero on', async (t) => {
  const { proxy, read, want } = await startMetered(t, { endpoints: ['127.0.0.1:1'] });
  const client = proxy.voiceClient('clear');
  const refused = 'framegate_upstream_no_endpoint_total';
  await want(0, refused, { upstream: 'voice' });
  assert.equal((await client.say({})).code, status.UNAVAILABLE);
  assert.equal((await client.say({})).code, status.UNAVAILABLE);
  await want(2, refused, { upstream: 'voice' });
  assert.equal(sumOf(await read(), 'framegate_upstream_healthy_endpoints'), 0);
});

test('where calls are traced, OpenMetrics names the trace of a sampled call in its bucket', async (t) => {
  const upstream = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const { proxy, want } = await startMetered(t, {
    endpoints: [upstream.address],
    sections: { trace: { exporter: 'http://127.0.0.1:1', sample: '100%' } },
  });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call({}));
  await want(1, TOTAL);
  const [, traceId] = /^00-([0-9a-f]{32})/.exec(upstream.requests[0].field('traceparent') ?? '') ?? [];
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const textFor = async (accept: string): Promise<string> =>
    (await fetch(`http://${String(address)}/metrics`, { headers: { accept } })).text();
  const open = await textFor('application/openmetrics-text');
  assert.match(
    open,
    new RegExp(
      `^framegate_exchange_duration_seconds_bucket\\{le="[^}]+\\} 1 # \\{trace_id="${traceId}"\\} [0-9.e-]+ \\d+\\.\\d{3}$`,
      'm',
    ),
  );
  assert.doesNotMatch(await textFor('text/plain'), /trace_id/);
});
