// The level of the log and the share of calls with a record, changed while the proxy runs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const RECORD = 'exchange finished';

async function putLevel(proxy: ReloadingProxy, text: string, headers: Readonly<Record<string, string>> = {}) {
  const url = `http://127.0.0.1:${await proxy.process.port('admin')}/api/log-level`;
  const answer = await fetch(url, { method: 'PUT', body: text, headers });
  const body: unknown = await answer.json().catch(() => undefined);
  return { status: answer.status, body };
}

/** Makes a call on a connection of its own. @param id names it in the log */
async function call(proxy: ReloadingProxy, id: string): Promise<void> {
  const client = connectVoiceClient({ address: `127.0.0.1:${await proxy.process.port('clear')}` });
  const { details } = await client.say({ text: id });
  assert.equal(details, 'OK');
  client.close();
}

function recordCount(proxy: ReloadingProxy): number {
  return proxy.process.lines().filter(({ msg }) => msg === RECORD).length;
}

test('the level is changed in all workers, those that start later too, until the next reload', async (t) => {
  const demo = await startDemo(t);
  const upstreams = { voice: { endpoints: [demo.address] } };
  const proxy = await startReloadingProxy(t, { upstreams, workers: 2 });
  assert.deepEqual(await putLevel(proxy, '{"level":"warn"}'), {
    status: 200,
    body: { level: 'warn', before: 'info' },
  });
  const line = await proxy.line('the level of the log is changed');
  assert.deepEqual([line['from'], line['to']], ['info', 'warn']);
  assert.deepEqual((await proxy.ask('GET', '/api/log-level')).body, { level: 'warn' });

  const before = (await proxy.workers()).map(({ pid }) => pid);
  proxy.process.signal('SIGUSR2');
  await eventually('all workers are new', async () => {
    const now = await proxy.workers();
    return now.length === 2 && now.every(({ pid }) => !before.includes(pid));
  });
  for (let number = 0; number < 4; number++) await call(proxy, `quiet ${number}`);

  proxy.write({ limits: { concurrentStreams: 99 } });
  assert.equal((await proxy.reload()).status, 200);
  assert.deepEqual((await proxy.ask('GET', '/api/log-level')).body, { level: 'info' });
  for (let number = 0; number < 4; number++) await call(proxy, `loud ${number}`);
  await eventually('the calls after the reload have records', () => recordCount(proxy) >= 4);
  assert.equal(recordCount(proxy), 4, 'those before it have none');
});

test('what is no level changes nothing, and no page of another server may change it', async (t) => {
  const proxy = await startReloadingProxy(t, {
    upstreams: { voice: { endpoints: ['127.0.0.1:1'] } },
    workers: 1,
  });
  for (const text of ['', 'warn', '"warn"', '{"level":"loud"}', '{"level":["warn"]}', 'null'])
    assert.equal((await putLevel(proxy, text)).status, 400, text);
  assert.equal((await putLevel(proxy, `{"level":"warn"${' '.repeat(2000)}}`)).status, 413);
  assert.equal((await putLevel(proxy, '{"level":"warn"}', { origin: 'https://evil.example' })).status, 403);
  assert.deepEqual((await proxy.ask('GET', '/api/log-level')).body, { level: 'info' });
});

test('with a share of 0% calls that succeed have no record, others have one', async (t) => {
  const demo = await startDemo(t);
  const upstreams = { voice: { endpoints: [demo.address] } };
  const log = { access: { successes: '0%' } };
  const proxy = await startReloadingProxy(t, { upstreams, log, workers: 1 });
  await call(proxy, 'fine');
  const port = await proxy.process.port('clear');
  const answer = await fetch(`http://127.0.0.1:${port}/page`);
  assert.equal(answer.status, 426);
  await eventually('the refused request has a record', () => recordCount(proxy) > 0);
  assert.equal(recordCount(proxy), 1);
});
