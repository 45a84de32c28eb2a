// GET /api/upstreams: each endpoint with the sentence that says why it gets no calls, of all processes together.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { HealthService, NOT_SERVING } from '../support/health-service.ts';
import { startProxyProcess } from '../support/proxy-process.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

type Json = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

function listOf(value: unknown): readonly Json[] {
  assert.ok(Array.isArray(value) && value.every(isRecord), JSON.stringify(value));
  return value;
}

async function startServices(t: TestContext) {
  const [serving, stopping] = [
    await HealthService.start(t),
    await HealthService.start(t, { status: NOT_SERVING }),
  ];
  const failing = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      // Health is not served, so that it is asked by round trips.
      const code = request.field(':path')?.startsWith('/grpc.health') === true ? '12' : '14';
      request.peer.sendHeaders(
        request.streamId,
        [
          [':status', '200'],
          ['content-type', 'application/grpc'],
          ['grpc-status', code],
        ],
        true,
      );
    },
  });
  return { serving, stopping, failing, gone: `127.0.0.1:${await freePort()}` };
}

for (const workers of [1, 2]) {
  test(`one sentence says why an endpoint is not used, with ${workers} process(es)`, async (t) => {
    const { serving, stopping, failing, gone } = await startServices(t);
    const endpoints = [
      serving.address,
      stopping.address,
      { address: failing.address, weight: 2, zone: 'a' },
      gone,
    ];
    const upstream = {
      endpoints,
      // The one that is gone is not found by its health, but by connecting.
      health: { interval: '200ms', unhealthyAfter: 100 },
      outliers: { consecutive: 2, ejection: '1h' },
      // One of four is left.
      panic: 'off',
    };
    const proxy = await startProxyProcess(t, {
      sections: { workers, upstreams: { voice: upstream }, admin: { address: '127.0.0.1:0' } },
    });
    const admin = await proxy.address('admin');
    const port = await proxy.port('clear');
    const clients = Array.from({ length: 4 }, () => connectVoiceClient({ address: `localhost:${port}` }));
    t.after(() => {
      for (const client of clients) client.close();
    });
    const ask = async (): Promise<ReadonlyMap<unknown, Json>> => {
      const answer: unknown = await (await fetch(`http://${admin}/api/upstreams`)).json();
      assert.ok(isRecord(answer));
      const [voice] = listOf(answer['upstreams']);
      assert.equal(voice['name'], 'voice');
      return new Map(listOf(voice['endpoints']).map((endpoint) => [endpoint['address'], endpoint]));
    };
    const found = await eventually('each of them is known', async () => {
      for (const client of clients) await client.say({ text: 'a call' });
      const states = await ask();
      const uses = [serving.address, stopping.address, failing.address, gone].map(
        (address) => states.get(address)?.['used'],
      );
      return JSON.stringify(uses) === '[true,false,false,false]' && states;
    });

    const good = found.get(serving.address);
    assert.equal(good?.['whyNot'], undefined);
    assert.equal(good?.['activeCalls'], 0);
    const health = good?.['health'];
    assert.ok(isRecord(health));
    assert.deepEqual([health['healthy'], health['method']], [true, 'grpc.health.v1 Watch']);

    const [notServing] = listOf(found.get(stopping.address)?.['whyNot']);
    assert.equal(notServing['sentence'], `${stopping.address} answered NOT_SERVING for service ""`);
    assert.equal(notServing['by'], 'health');
    assert.ok(Date.parse(String(notServing['since'])) <= Date.now());
    assert.equal(typeof notServing['triedAgainInSeconds'], 'number');

    const [ejected] = listOf(found.get(failing.address)?.['whyNot']);
    assert.match(String(ejected['sentence']), /failed 2 times in a row, the last time with UNAVAILABLE/);
    assert.equal(ejected['by'], 'outliers');
    const againIn = ejected['triedAgainInSeconds'];
    assert.ok(typeof againIn === 'number' && againIn > 3000 && againIn <= 3600);
    assert.deepEqual(
      [found.get(failing.address)?.['weight'], found.get(failing.address)?.['zone']],
      [2, 'a'],
    );

    const [refused] = listOf(found.get(gone)?.['whyNot']);
    assert.equal(refused['by'], 'connecting');
    assert.match(String(refused['sentence']), /refused the connection/);
    assert.ok(Date.parse(String(refused['since'])) <= Date.now());
  });
}
