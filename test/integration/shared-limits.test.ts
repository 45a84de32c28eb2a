// A limit that two whole proxies share by a store: what passes in all, and that calls go on without the store.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { type AnswerScript, isPresence, numbers, scriptedServer } from '../stores/scripted-server.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { startDemo, startProxy } from '../support/proxy-under-test.ts';

const OK: number = status.OK;
const EXHAUSTED: number = status.RESOURCE_EXHAUSTED;
const BURST = 40;
const PROXIES = 2;

test('a call that a shared limit refuses is told a wait that gRPC clients can read', async (t) => {
  const store = await scriptedServer(t, (_keys, values) =>
    isPresence(values) ? ':1\r\n' : numbers(0, 977, 0),
  );
  const demo = await startDemo(t);
  const limits = [{ count: 'calls', rate: '61/m', burst: 9, by: ['route'], store: 'fleet' }];
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    sections: {
      routes: [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', limits }],
      stores: { fleet: { redis: `redis://127.0.0.1:${store.port}` } },
    },
  });
  const client = proxy.voiceClient('clear');
  const refusals = async (): Promise<number> => {
    for (let call = 0; call < 40; call++) {
      const { code, details, trailingMetadata } = await client.say({});
      if (code !== EXHAUSTED) continue;
      const [pushback] = trailingMetadata.get('grpc-retry-pushback-ms');
      assert.match(String(pushback), /^[0-9]+$/);
      assert.match(details, new RegExp(`; call again in ${String(pushback)} ms\\. \\(FG3040\\)$`));
      const [left] = trailingMetadata.get('ratelimit');
      assert.match(String(left), /^"calls-1";r=0;t=[0-9]+$/);
      refused++;
    }
    return refused;
  };
  let refused = 0;
  await eventually('calls are refused with the store', async () => (await refusals()) > 20, START_TIMEOUT_MS);
  await store.stop();
  const before = refused;
  await eventually(
    'calls are refused without it',
    async () => (await refusals()) > before + 20,
    START_TIMEOUT_MS,
  );
});

test('two proxies share a limit by a store, and go on with their shares without it', async (t) => {
  let left = BURST;
  const count: AnswerScript = (_keys, values) => {
    if (isPresence(values)) return `:${PROXIES}\r\n`;
    left -= Number(values[2]);
    const granted = Math.max(0, Math.min(left, Number(values[4])));
    left -= granted;
    return numbers(granted, left >= 1 ? 0 : 3_600_000, Math.max(0, left));
  };
  const store = await scriptedServer(t, count);
  const demo = await startDemo(t);
  const limits = [{ count: 'calls', rate: `${BURST}/h`, burst: BURST, by: ['route'], store: 'fleet' }];
  const sections = {
    routes: [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', limits }],
    stores: { fleet: { redis: `redis://127.0.0.1:${store.port}` } },
  };
  const proxies = [
    await startProxy(t, { endpoints: [demo.address], sections }),
    await startProxy(t, { endpoints: [demo.address], sections }),
  ];
  const clients = proxies.map((proxy) => proxy.voiceClient('clear'));
  const presences = () => store.commands.filter((name) => name === 'EVALSHA' || name === 'EVAL').length;
  await eventually('both have said that they are there', () => presences() >= 2 * PROXIES, START_TIMEOUT_MS);
  let admitted = 0;
  for (let round = 0; round < 2 * BURST; round++) {
    for (const client of clients) {
      const { code } = await client.say({});
      assert.ok(code === OK || code === EXHAUSTED, `${code}`);
      if (code === OK) admitted++;
    }
  }
  // The bound of docs/limits.md, with leases of two calls; and the local share for calls before the store was known.
  assert.ok(admitted >= BURST, `${admitted} calls were admitted`);
  assert.ok(admitted <= 1.5 * BURST + 2 * PROXIES * 2 + BURST, `${admitted} calls were admitted`);
  assert.ok(left <= 0, `the store has ${left} left`);
  await store.stop();
  for (const client of clients) {
    const { code } = await client.say({});
    assert.ok(code === OK || code === EXHAUSTED, `${code}`);
  }
});
