// Two clients whose calls a trusted peer sends on one connection: what is shown of one of them has none of the other's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';

const BODY = grpcMessage(Buffer.from('x'));
const [ONE, OTHER] = ['192.0.2.1', '2001:db8:0:1::9'];

for (const order of [
  [ONE, OTHER, OTHER, ONE],
  [OTHER, ONE, OTHER, OTHER, ONE],
])
  for (const wanted of [ONE, OTHER])
    test(`events of ${wanted} are those of its own calls: ${order.join(', ')}`, async (t) => {
      const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
      const proxy = await startProxy(t, { endpoints: [service.address], trustedClients: ['127.0.0.0/8'] });
      const seen: string[] = [];
      proxy.plane.subscribe({ kinds: ['end'], rate: 100, client: wanted }, ({ events }, taken) => {
        seen.push(...events.map((text) => String(JSON.parse(text)['requestId'])));
        taken();
      });
      const client = await proxy.rawClient('clear');
      // The last call shows that the events of those before it have come.
      for (const [index, from] of [...order, wanted].entries()) {
        const fields = [
          ['x-forwarded-for', from],
          ['x-request-id', `${from}-${index}`],
        ] as const;
        await client.outcome(client.call({ fields, body: BODY }));
      }
      const last = `${wanted}-${order.length}`;
      await eventually('the event of the last call', () => seen.includes(last));
      const ids = order.flatMap((from, index) => (from === wanted ? [`${from}-${index}`] : []));
      assert.deepEqual(seen, [...ids, last]);
    });

test('the running calls of one client are those that it has made', async (t) => {
  const held: RawRequest[] = [];
  const service = await startRawUpstream(t, { onRequestEnd: (request) => held.push(request) });
  const proxy = await startProxy(t, { endpoints: [service.address], trustedClients: ['127.0.0.0/8'] });
  const client = await proxy.rawClient('clear');
  for (const from of [OTHER, ONE, OTHER]) client.call({ fields: [['x-forwarded-for', from]], body: BODY });
  await eventually('the service has all calls', () => held.length === 3);
  for (const [wanted, matching] of [
    [ONE, 1],
    [OTHER, 2],
    ['2001:db8::/32', 2],
    ['192.0.2.2', 0],
  ] as const)
    assert.equal(
      (await proxy.plane.exchanges({ sort: 'age', limit: 10, client: wanted })).matching,
      matching,
    );
});
