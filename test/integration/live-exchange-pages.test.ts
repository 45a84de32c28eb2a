// Ten thousand calls in two workers, read page by page with GET /api/exchanges while others come and go.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LivePage } from '../../src/calls/live-query.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import { LiveReader } from '../support/live-reader.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient, type RawClient } from '../support/raw-client.ts';
import { clearListener, startReloadingProxy } from '../support/reloading-proxy.ts';

const CONNECTIONS = 10;
const CALLS_EACH = 1000;
const CALLS = CONNECTIONS * CALLS_EACH;
/** Of calls that come and go while the pages are read. */
const OTHERS = 50;

async function start(t: TestContext) {
  const service = await startRawUpstream(t, {
    onRequest: (request) => {
      if (request.field(':path') === '/warm.S/Up') request.succeed();
    },
  });
  const proxy = await startReloadingProxy(t, {
    workers: 2,
    listeners: [clearListener],
    limits: { concurrentStreams: CALLS_EACH },
    upstreams: { voice: { endpoints: [service.address] } },
  });
  const port = await proxy.process.port('clear');
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS + 1 }, () => connectRawClient({ port })),
  );
  t.after(() => clients.forEach((client) => client.destroy()));
  // Only so many calls may wait until a worker has a connection to the service.
  await Promise.all(clients.map((client) => client.outcome(client.call({ path: '/warm.S/Up' }))));
  return { live: new LiveReader(proxy), clients };
}

/** Ends the calls of before, and begins as many. @returns the new ones */
function replace(client: RawClient, before: readonly number[]): readonly number[] {
  for (const streamId of before) client.sendReset(streamId, ErrorCode.CANCEL);
  return Array.from({ length: OTHERS }, () => client.call({ path: '/other.S/Call', endStream: false }));
}

/** Asks again where a worker of a busy machine has not answered in time. */
function wholePage(live: LiveReader, query: string): Promise<LivePage> {
  return eventually('all workers answer', async () => {
    const page = await live.page(query);
    return page.unanswered === undefined && page;
  });
}

test('all pages together have each call once that runs throughout, in every order', async (t) => {
  const { live, clients } = await start(t);
  const [churning, ...steady] = clients;
  steady.forEach((client, index) => {
    for (let call = 0; call < CALLS_EACH; call++)
      client.call({ path: `/steady.S/Call${index}`, endStream: false });
  });
  await eventually('all calls run', async () => (await live.page('limit=1')).total === CALLS, 60_000);
  const workers = new Set<number | undefined>();
  for (const sort of ['age', 'silent', 'bytes']) {
    const ids: string[] = [];
    let others: readonly number[] = [];
    let query: string | undefined = `sort=${sort}&limit=1000`;
    let pages = 0;
    while (query !== undefined) {
      others = replace(churning, others);
      const page = await wholePage(live, query);
      pages++;
      assert.ok(page.exchanges.length <= 1000 && page.total >= CALLS && page.matching === page.total);
      for (const { worker } of page.exchanges) workers.add(worker);
      ids.push(...page.exchanges.filter(({ method }) => method.startsWith('/steady.')).map(({ id }) => id));
      query = page.next === undefined ? undefined : `sort=${sort}&limit=1000&after=${page.next}`;
    }
    replace(churning, others).forEach((streamId) => churning.sendReset(streamId, ErrorCode.CANCEL));
    assert.equal(ids.length, CALLS, `${sort}: none is missing, and none is there twice`);
    assert.equal(new Set(ids).size, CALLS);
    assert.ok(pages >= CALLS / 1000);
  }
  assert.deepEqual(workers, new Set([1, 2]));
  const one = await wholePage(live, `method=/steady.S/Call3&limit=1000`);
  assert.deepEqual([one.matching, one.exchanges.length, one.next], [CALLS_EACH, CALLS_EACH, undefined]);
  const times = one.exchanges.map(({ startedAt }) => startedAt);
  assert.deepEqual(times, times.toSorted(), 'the oldest come first');
});
