// Limits with `dryRun` through the whole proxy: everything passes, and the record, tap and the metrics say what would have been.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { keysOf } from '../../src/observability/metrics-snapshot.ts';
import { listen, RawHttp1Client } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { BEYOND, LimitService } from '../support/limit-service.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';

interface Tried {
  readonly proxy: ProxyUnderTest;
  /** The values of the metric, by limit. */
  readonly counted: () => Promise<Readonly<Record<string, number>>>;
}

async function start(
  t: TestContext,
  limits: readonly object[],
  upstreams: object = {},
  upstream = 'voice',
): Promise<Tried> {
  const demo = await startDemo(t);
  const routes = [{ name: 'voice', match: { path: '/*' }, upstream, limits }];
  const proxy = await startProxy(t, {
    sections: {
      routes,
      upstreams: { voice: { endpoints: [demo.address] }, ...upstreams },
      drain: { timeout: '0s' },
    },
  });
  const counted = async (): Promise<Readonly<Record<string, number>>> => {
    const family = (await proxy.plane.metrics()).find(
      ({ name }) => name === 'framegate_limits_dry_run_total',
    );
    assert.ok(family !== undefined);
    return Object.fromEntries(
      keysOf(family).map((key, index) => [/limit="(.*)"/.exec(key)?.[1] ?? key, family.values[index] ?? 0]),
    );
  };
  return { proxy, counted };
}

test('calls beyond a limit with dryRun pass, and the record, an event and the metric say that they would be refused', async (t) => {
  const { proxy, counted } = await start(t, [
    { count: 'calls', rate: '1/h', by: ['client'], dryRun: true },
    { count: 'calls', rate: '9/h', by: ['client'] },
  ]);
  assert.deepEqual(await counted(), { 'calls 1/h by client': 0 });
  const events: string[] = [];
  proxy.plane.subscribe({ kinds: ['end'], rate: 100 }, (batch, taken) => {
    events.push(...batch.events);
    taken();
  });
  const client = proxy.voiceClient('clear');
  for (let call = 0; call < 3; call++) assert.equal((await client.say({})).code, status.OK);
  const text = 'would be refused by limits[0] (calls 1/h by client)';
  const records = await proxy.wantRecords(3);
  assert.deepEqual(
    records.map((record) => record['dryRun']),
    [undefined, text, text],
  );
  assert.deepEqual(
    records.map(({ reason, grpcStatus }) => `${grpcStatus} ${reason}`),
    ['OK ', 'OK ', 'OK '],
  );
  assert.deepEqual(await counted(), { 'calls 1/h by client': 2 });
  await eventually('the event says so', () => events.some((event) => event.includes(`"dryRun":"${text}"`)));
});

test('a stream beyond limits with dryRun is neither paced nor ended, and counts once for each while it runs', async (t) => {
  const few = { rate: '1/h', burst: 2, dryRun: true };
  const { proxy, counted } = await start(t, [
    { count: 'messages', by: ['stream'], ...few },
    { count: 'messages', by: ['client'], exceed: 'end', ...few },
    { count: 'bytes', by: ['route'], direction: 'both', ...few },
    { messageSize: 1, dryRun: true },
    { bodySize: 1, dryRun: true },
  ]);
  const stream = proxy.voiceClient('clear').streamAudio();
  for (let sequence = 0; sequence < 20; sequence++) stream.send({ sequence });
  await eventually(
    'it is counted while it runs',
    async () => (await counted())['messages 1/h by stream'] === 1,
  );
  stream.finish();
  let events = 0;
  while ((await stream.next()) !== undefined) events++;
  assert.ok(events > 0);
  const record = await proxy.record();
  assert.deepEqual(
    [record.grpcStatus, record.requestMessages, record['requestPacedMs']],
    ['OK', 20, undefined],
  );
  assert.match(String(record['dryRun']), /would be paced by limits\[0\] \(messages 1\/h by stream\)/);
  assert.match(String(record['dryRun']), /would be ended by limits\[1\] \(messages 1\/h by client\)/);
  assert.deepEqual(await counted(), {
    'messages 1/h by stream': 1,
    'messages 1/h by client': 1,
    'bytes 1/h by route': 1,
    'messageSize 1 of request': 1,
    'bodySize 1': 0,
  });
});

test('a body beyond a size with dryRun reaches its service, also if it is announced', async (t) => {
  let received = '';
  const web = createServer((request, response) => {
    request.on('data', (bytes: Buffer) => {
      received += bytes.toString();
    });
    request.on('end', () => response.end('got it'));
  });
  const port = await listen(t, web);
  const { proxy, counted } = await start(
    t,
    [{ bodySize: 3, dryRun: true }],
    { web: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] } },
    'web',
  );
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send('POST /p HTTP/1.1', 'Host: service.test', 'Content-Length: 5', '', 'hello');
  await client.receives('got it');
  assert.equal(received, 'hello');
  const record = await proxy.record();
  assert.equal(record['dryRun'], 'would be refused by limits[0] (bodySize 3)');
  assert.deepEqual(await counted(), { 'bodySize 3': 1 });
});

test('whatever a rate limit service with dryRun says or does not say, calls pass, and say what would have become of them', async (t) => {
  for (const failure of ['open', 'closed'] as const) {
    const limiter = await LimitService.start(t);
    const { proxy, counted } = await start(
      t,
      [
        {
          service: 'limiter',
          domain: 'voice',
          descriptors: [{ client: 'client' }],
          timeout: '10s',
          failure,
          dryRun: true,
        },
      ],
      { limiter: { endpoints: [limiter.address] } },
    );
    const client = proxy.voiceClient('clear');
    const label = 'service limiter, domain voice';
    limiter.reply = () => BEYOND;
    assert.equal((await client.say({})).code, status.OK);
    assert.equal((await proxy.record())['dryRun'], `would be refused by limits[0] (${label})`);
    limiter.reply = () => ({ error: { code: status.UNAVAILABLE } });
    assert.equal((await client.say({})).code, status.OK);
    const [, record] = await proxy.wantRecords(2);
    assert.equal(
      record?.['dryRun'],
      failure === 'closed' ? `would be refused by limits[0] (${label})` : undefined,
    );
    assert.deepEqual(await counted(), { [label]: failure === 'closed' ? 2 : 1 });
  }
});
