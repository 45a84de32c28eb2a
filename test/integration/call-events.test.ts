// GET /api/events through a whole proxy, of one process and of workers: events of calls as they happen, subscribers that read slowly or go,
// and the end.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { MOST_EVENT_SUBSCRIBERS } from '../../src/calls/event-query.ts';
import { EventReader } from '../support/event-reader.ts';
import { eventually } from '../support/eventually.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient, type RawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';
import { clearListener, type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';

const MESSAGE = grpcMessage(Buffer.from('hello'));

interface Scene {
  readonly proxy: ReloadingProxy;
  readonly upstream: string;
  readonly held: readonly RawRequest[];
  readonly client: () => Promise<RawClient>;
  readonly read: (query?: string) => Promise<EventReader>;
  readonly readUnopened: (query?: string) => Promise<EventReader>;
}

/** Starts a proxy whose service answers at once, except for calls of /held.S/. @param processes how many carry calls */
async function start(t: TestContext, processes: number): Promise<Scene> {
  const held: RawRequest[] = [];
  const service = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      if (request.field(':path')?.startsWith('/held.S/') === true) held.push(request);
      else request.succeed();
    },
  });
  const proxy = await startReloadingProxy(t, {
    workers: processes,
    listeners: [clearListener],
    routes: [
      { name: 'calls', match: { path: '/s.S/*' }, upstream: 'one' },
      { name: 'held', match: { path: '/held.S/*' }, upstream: 'one' },
    ],
    upstreams: { one: { endpoints: [service.address] } },
    drain: { timeout: '10s' },
    log: { level: 'info', access: false },
  });
  const [port, admin] = [await proxy.process.port('clear'), await proxy.process.port('admin')];
  const readUnopened = async (query?: string): Promise<EventReader> => {
    const reader = new EventReader(admin, query);
    t.after(() => reader.close());
    return reader;
  };
  return {
    proxy,
    upstream: service.address,
    held,
    readUnopened,
    read: async (query) => (await readUnopened(query)).opened(),
    client: async () => {
      const client = await connectRawClient({ port });
      t.after(() => client.destroy());
      return client;
    },
  };
}

async function callAll(clients: readonly RawClient[], path: string, count: number): Promise<void> {
  for (let made = 0; made < count; made += 50)
    await Promise.all(
      Array.from({ length: Math.min(50, count - made) }, (_, index) => {
        const client = clients[index % clients.length];
        return client.outcome(client.call({ path, body: MESSAGE }));
      }),
    );
}

for (const processes of [1, 2])
  suite(`events of calls with ${processes} process(es)`, () => {
    test('a call is told of as it happens, one that is refused has only an end, and filters hold', async (t) => {
      const { client, read, upstream, held } = await start(t, processes);
      const [all, failed] = [await read(), await read('failed=true&kinds=end')];
      const caller = await client();
      const stream = caller.call({ path: '/held.S/C', body: MESSAGE });
      const [[begun], [attempt]] = [await all.want('start'), await all.want('attempt')];
      assert.deepEqual([begun['method'], begun['route'], begun['upstream']], ['/held.S/C', 'held', 'one']);
      assert.deepEqual([attempt['endpoint'], attempt['attempt'], attempt['id']], [upstream, 1, begun['id']]);
      assert.equal(all.of('end').length, 0);
      assert.equal(begun['worker'] === undefined, processes === 1);
      (await eventually('the service has the call', () => held[0])).succeed();
      await caller.outcome(stream);
      const [end] = await all.want('end');
      assert.deepEqual(
        [end['id'], end['grpcStatus'], end['requestMessages'], end['attempts'], end['endedBy']],
        [begun['id'], 'OK', 1, 1, 'upstream'],
      );
      await caller.outcome(caller.call({ path: '/nowhere/"\\' }));
      const [refused] = await failed.want('end');
      assert.deepEqual(
        [refused['grpcStatus'], refused['method'], refused['route']],
        ['UNIMPLEMENTED', '/nowhere/"\\', ''],
      );
      await all.want('end', 2);
      assert.deepEqual([all.of('start').length, failed.of('end').length, all.dropped], [1, 1, 0]);
    });

    test('calls that began before a subscriber came are seen to end', async (t) => {
      const { client, read, held } = await start(t, processes);
      const caller = await client();
      const stream = caller.call({ path: '/held.S/C', body: MESSAGE });
      const request = await eventually('the service has the call', () => held[0]);
      const reader = await read();
      request.succeed();
      await caller.outcome(stream);
      const [end] = await reader.want('end');
      assert.equal(end['method'], '/held.S/C');
      assert.equal(reader.of('start').length, 0);
    });

    test('what the rate does not let through is counted, and the sum is right', async (t) => {
      const { client, read } = await start(t, processes);
      const reader = await read('kinds=end&rate=10');
      await callAll(await Promise.all([client(), client(), client()]), '/s.S/C', 600);
      await eventually('every call was sent or counted', () => {
        const sum = reader.of('end').length + reader.dropped;
        assert.ok(sum <= 600, `${sum} events of 600 calls`);
        return sum === 600;
      });
      assert.ok(reader.dropped > 0);
    });

    test('a subscriber that does not read holds no call, and gets or is told of every event', async (t) => {
      const { client, read } = await start(t, processes);
      const reader = await read('kinds=end&rate=10000');
      reader.pause();
      const callers = await Promise.all([client(), client()]);
      const calls = 4000;
      await callAll(callers, `/s.S/${'c'.repeat(380)}`, calls);
      reader.resume();
      await eventually(
        'every call was sent or counted',
        () => reader.of('end').length + reader.dropped === calls,
      );
    });

    test('messages are told of in both directions as they come, with metadata and bytes for those who ask', async (t) => {
      const { client, read, held } = await start(t, processes);
      const search = new URLSearchParams({ kinds: 'message', messageBytes: '3', showMetadata: 'x-tenant' });
      search.append('metadata', 'x-tenant=ac*');
      search.append('metadata', 'x-user=me');
      const [chosen, sizes] = [await read(search.toString()), await read('kinds=message')];
      const callers = await Promise.all([client(), client(), client(), client()]);
      const fields = [
        ['x-tenant', 'acme'],
        ['x-user', 'me'],
        ['grpc-encoding', 'gzip'],
      ] as const;
      const compressed = grpcMessage(Buffer.from('hello'));
      compressed[0] = 1;
      for (const [index, caller] of callers.entries()) {
        const body = compressed.subarray(0, 7);
        const stream = caller.call({ path: '/held.S/C', fields, body, endStream: false });
        caller.call({ path: '/s.S/C', fields: [['x-tenant', 'other']], body: MESSAGE });
        await sizes.want('message', index * 4 + 2);
        assert.equal(chosen.of('message').length, index * 2);
        caller.sendData(stream, compressed.subarray(7), true);
        const request = await eventually('the service has the call', () => held[index]);
        await chosen.want('message', index * 2 + 1);
        request.succeed(Buffer.from('ok'));
        await caller.outcome(stream);
        await sizes.want('message', index * 4 + 4);
      }
      const seen = await chosen.want('message', 8);
      assert.deepEqual(
        seen.map(({ direction, number, sizeBytes }) => [direction, number, sizeBytes]),
        callers.flatMap(() => [
          ['request', 1, 5],
          ['response', 1, 2],
        ]),
      );
      const [request, response] = seen;
      assert.deepEqual(
        [request['bytes'], request['truncated'], request['compressed'], request['encoding']],
        [Buffer.from('hel').toString('base64'), true, true, 'gzip'],
      );
      assert.deepEqual(
        [response['bytes'], response['compressed']],
        [Buffer.from('ok').toString('base64'), false],
      );
      assert.deepEqual(request['metadata'], { 'x-tenant': 'acme' });
      assert.ok(sizes.of('message').every((event) => !('bytes' in event) && !('metadata' in event)));
    });

    test('a stream without an end is told of for as long as it runs, and costs a subscriber that does not read nothing but a count', async (t) => {
      const { client, read, held } = await start(t, processes);
      const [reader, stuck] = [
        await read('kinds=message,end&rate=50'),
        await read('kinds=message&messageBytes=65536&rate=10000'),
      ];
      stuck.pause();
      const caller = await client();
      const stream = caller.call({ path: '/held.S/C', endStream: false });
      // Zeros are messages without content.
      const messages = 20_000;
      caller.pump(stream, messages * 5);
      await reader.want('message', 50);
      await eventually(
        'each message was sent or counted while the call runs',
        () => reader.of('message').length + reader.dropped === messages,
        60_000,
      );
      assert.equal(held.length, 0);
      caller.sendData(stream, Buffer.alloc(0), true);
      const request = await eventually('the service has the call', () => held[0]);
      request.succeed();
      await caller.outcome(stream);
      stuck.resume();
      await eventually('each message was sent or counted', () => {
        const sum = stuck.of('message').length + stuck.dropped;
        return sum === messages + 1;
      });
      await eventually('each message and the end were sent or counted', () => {
        const sum = reader.of('message').length + reader.of('end').length + reader.dropped;
        return sum === messages + 2;
      });
      assert.ok(reader.dropped > 0);
    });

    test('places of subscribers that have gone are free again, and there are no more than eight', async (t) => {
      const { read, readUnopened, proxy, client } = await start(t, processes);
      for (let round = 0; round < 3; round++) {
        const readers = await Promise.all(Array.from({ length: MOST_EVENT_SUBSCRIBERS }, () => read()));
        const late = await readUnopened();
        await eventually('the ninth is refused', () => late.status === 503);
        for (const reader of readers) reader.close();
        await eventually('a place is free', async () => {
          const next = await readUnopened();
          await eventually('there is an answer', () => next.status !== 0);
          next.close();
          return next.status === 200;
        });
      }
      await callAll([await client()], '/s.S/C', 5);
      assert.equal((await proxy.ask('GET', '/ready')).status, 200);
    });

    test('a drain tells of the last ends, and then ends the streams at once', async (t) => {
      const { client, read, proxy, held } = await start(t, processes);
      const [reader, stuck] = [await read(), await read()];
      stuck.pause();
      const caller = await client();
      caller.call({ path: '/held.S/C', body: MESSAGE });
      const request = await eventually('the service has the call', () => held[0]);
      const { status } = await proxy.ask('POST', '/api/drain');
      assert.equal(status, 202);
      request.succeed();
      await reader.want('closing');
      assert.equal(reader.of('end').length, 1);
      await eventually('the stream is over', () => reader.hasEnded);
    });
  });

test('workers that are started later have the subscribers of the primary', async (t) => {
  const { client, read, proxy } = await start(t, 2);
  const reader = await read('kinds=end');
  const before = (await proxy.workers()).map(({ pid }) => pid);
  process.kill(proxy.process.pid, 'SIGUSR2');
  await eventually(
    'both workers are new',
    async () => {
      const pids = (await proxy.workers()).map(({ pid }) => pid);
      return pids.length === 2 && pids.every((pid) => !before.includes(pid));
    },
    60_000,
  );
  const callers = await Promise.all([client(), client(), client(), client()]);
  await callAll(callers, '/s.S/C', 40);
  const ends = await reader.want('end', 40);
  assert.deepEqual(
    [...new Set(ends.map(({ worker }) => Number(worker)))].toSorted((one, other) => one - other),
    [1, 2],
  );
});

test('a reload keeps subscribers, and an admin server that moves away ends their streams', async (t) => {
  const { client, read, proxy } = await start(t, 1);
  const reader = await read('kinds=end');
  proxy.write({ log: { level: 'info', access: true } });
  assert.equal((await proxy.reload()).status, 200);
  await callAll([await client()], '/s.S/C', 3);
  await reader.want('end', 3);
  proxy.write({ admin: 'off' });
  await proxy.reload().catch(() => undefined);
  const [closing] = await reader.want('closing');
  assert.equal(closing['reason'], 'the admin server closes');
});
