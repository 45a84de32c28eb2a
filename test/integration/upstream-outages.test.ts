// A service that is down: one line says that its upstream has nobody left, and one that it has again, with all processes taken together.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { readMetrics, sumOf } from '../support/metrics-reader.ts';
import { startProxyProcess } from '../support/proxy-process.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

for (const workers of [1, 2]) {
  test(`an upstream without an endpoint is told of once, and once when it has one, with ${workers} process(es)`, async (t) => {
    const address = `127.0.0.1:${await freePort()}`;
    const proxy = await startProxyProcess(t, {
      sections: {
        workers,
        upstreams: { voice: { endpoints: [address] } },
        admin: { address: '127.0.0.1:0' },
      },
    });
    const port = await proxy.port('clear');
    const clients = Array.from({ length: 4 }, () => connectVoiceClient({ address: `localhost:${port}` }));
    t.after(() => {
      for (const client of clients) client.close();
    });
    let refused = 0;
    const codes = async (): Promise<readonly (number | undefined)[]> => {
      const all: (number | undefined)[] = [];
      for (const client of clients) all.push((await client.say({ text: 'a call' })).code);
      refused += all.filter((code) => code === status.UNAVAILABLE).length;
      return all;
    };
    const told = (level: number): readonly Readonly<Record<string, unknown>>[] =>
      proxy
        .lines()
        .filter(
          (line) => line['level'] === level && /\bendpoint of upstream voice\b/.test(String(line['msg'])),
        );
    await codes();
    const [out] = await eventually('it is told of', () => (told(40).length > 0 ? told(40) : undefined));
    assert.equal(
      out['msg'],
      `no endpoint of upstream voice can be used, and no call is sent there: ${address} refused the connection: is the service running there?`,
    );
    const service = await startDemoService({ address });
    t.after(() => service.close());
    await eventually('every process has found it', async () =>
      (await codes()).every((code) => code === undefined || code === 0),
    );
    const [back] = await eventually('it is told of', () => (told(30).length > 0 ? told(30) : undefined));
    assert.match(
      String(back['msg']),
      /^an endpoint of upstream voice can be used again after [\d.]+ s, in which \d+ calls? found none$/,
    );
    assert.ok(Number(back['refused']) > 0);
    assert.deepEqual([told(40).length, told(30).length], [1, 1]);
    const samples = await readMetrics(`127.0.0.1:${await proxy.port('admin')}`);
    assert.equal(sumOf(samples, 'framegate_upstream_no_endpoint_total', { upstream: 'voice' }), refused);
  });
}
