// grpc.health.v1 on the port of the admin server: what it answers, what it pushes, and how many it serves.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Readiness } from '../../../src/admin/admin-pages.ts';
import { type AdminServer, openAdminServer } from '../../../src/admin/admin-server.ts';
import type { Address } from '../../../src/config/address.ts';
import { ProtobufReader } from '../../../src/grpc/protobuf-reader.ts';
import { begin, check, connectAdmin, STATUSES, watched } from '../../support/admin-grpc.ts';
import { adminStateWith } from '../../support/admin-state.ts';
import type { RawClient } from '../../support/raw-client.ts';

const loopback: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, text: '127.0.0.1:0' };

describe('the health that the admin port tells', () => {
  let readiness: Readiness = { ready: true };
  let services = new Map<string, boolean>();
  let asked = 0;
  let server: AdminServer;
  let client: RawClient;
  before(async () => {
    const state = adminStateWith({
      readiness: () => readiness,
      rpc: {
        ...adminStateWith({}).rpc,
        services: async () => {
          asked++;
          return services;
        },
      },
    });
    server = await openAdminServer({ address: loopback }, state);
    client = await connectAdmin(server.address);
  });
  after(() => server.close());

  test('without a name is that of the proxy: whether it is ready', async () => {
    readiness = { ready: true };
    assert.equal(await check(client, ''), 'SERVING');
    readiness = { ready: false, reason: 'starting' };
    assert.equal(await check(client, ''), 'NOT_SERVING');
    assert.equal(asked, 0, 'a question that the primary answers itself went to the workers');
  });

  test('of a service follows from its endpoints, and from the proxy', async () => {
    readiness = { ready: true };
    services = new Map([
      ['shop.Orders', true],
      ['shop.Stock', false],
    ]);
    assert.equal(await check(client, 'shop.Orders'), 'SERVING');
    assert.equal(await check(client, 'shop.Stock'), 'NOT_SERVING');
    readiness = { ready: false, reason: 'draining' };
    assert.equal(await check(client, 'shop.Orders'), 'NOT_SERVING');
  });

  test('of a name that the configuration does not have is NOT_FOUND', async () => {
    assert.equal(await check(client, 'shop.Other'), 'grpc 5');
  });

  test('can be listed, the proxy first', async () => {
    readiness = { ready: true };
    services = new Map([
      ['shop.Orders', true],
      ['shop.Stock', false],
    ]);
    const { content, grpcStatus } = await client.outcome(begin(client, 'Health/List'));
    assert.equal(grpcStatus, '0');
    assert.deepEqual(readList(content), ['=SERVING', 'shop.Orders=SERVING', 'shop.Stock=NOT_SERVING']);
    services = new Map(Array.from({ length: 1001 }, (_one, index) => [`s${index}`, true]));
    assert.equal((await client.outcome(begin(client, 'Health/List'))).grpcStatus, '8');
  });

  test('is pushed when it changes, at once when the proxy stops, and only then', async () => {
    readiness = { ready: true };
    services = new Map([['shop.Orders', true]]);
    const own = begin(client, 'Health/Watch', { service: '' });
    const orders = begin(client, 'Health/Watch', { service: 'shop.Orders' });
    const other = begin(client, 'Health/Watch', { service: 'shop.Other' });
    assert.deepEqual(await watched(client, own, 1), ['SERVING']);
    assert.deepEqual(await watched(client, orders, 1), ['SERVING']);
    assert.deepEqual(await watched(client, other, 1), ['SERVICE_UNKNOWN']);
    services = new Map([
      ['shop.Orders', false],
      ['shop.Other', true],
    ]);
    assert.deepEqual(await watched(client, orders, 2), ['SERVING', 'NOT_SERVING']);
    assert.deepEqual(await watched(client, other, 2), ['SERVICE_UNKNOWN', 'SERVING']);
    readiness = { ready: false, reason: 'draining' };
    server.readinessChanged();
    assert.deepEqual(await watched(client, own, 2), ['SERVING', 'NOT_SERVING']);
    assert.deepEqual(await watched(client, other, 3), ['SERVICE_UNKNOWN', 'SERVING', 'NOT_SERVING']);
    for (const stream of [own, orders, other]) client.sendReset(stream, 8);
  });

  test('is watched by 64 at most, and again when one of them has left', async () => {
    readiness = { ready: true };
    const clients = await Promise.all([1, 2, 3, 4].map(() => connectAdmin(server.address)));
    const streams = clients.flatMap((one) =>
      Array.from({ length: 16 }, () => ({ one, id: begin(one, 'Health/Watch') })),
    );
    for (const { one, id } of streams) await watched(one, id, 1);
    assert.equal((await client.outcome(begin(client, 'Health/Watch'))).grpcStatus, '8');
    assert.equal(await check(client, ''), 'SERVING');
    clients[0].destroy();
    for (;;) {
      const stream = begin(client, 'Health/Watch');
      const status = await Promise.race([
        watched(client, stream, 1),
        client.outcome(stream).then(({ grpcStatus }) => grpcStatus),
      ]);
      if (status !== '8') break;
    }
    for (const one of clients) one.destroy();
  });

  test('is UNIMPLEMENTED by another name of a method', async () => {
    const { grpcStatus, grpcMessage } = await client.outcome(begin(client, 'Health/Chek'));
    assert.deepEqual([grpcStatus, grpcMessage], ['12', 'there is no method /grpc.health.v1.Health/Chek']);
  });
});

test('a fault of ours while somebody watches ends neither the process nor the call', async (t) => {
  let isBroken = false;
  const readiness = (): Readiness => {
    if (isBroken) throw new Error('as if we had made a mistake');
    return { ready: true };
  };
  const server = await openAdminServer({ address: loopback }, adminStateWith({ readiness }));
  t.after(() => server.close());
  const client = await connectAdmin(server.address);
  const stream = begin(client, 'Health/Watch');
  await watched(client, stream, 1);
  isBroken = true;
  server.readinessChanged();
  assert.equal(await check(client, ''), 'grpc 13');
  isBroken = false;
  assert.equal(await check(client, ''), 'SERVING');
  assert.equal(client.outcomeSoFar(stream).grpcStatus, undefined);
});

test('calls whose answer cannot be found end with INTERNAL, and take no room from later ones', async (t) => {
  let isBroken = true;
  const services = (): Promise<ReadonlyMap<string, boolean>> =>
    isBroken ? Promise.reject(new Error('no answer')) : Promise.resolve(new Map([['shop.Orders', true]]));
  const state = adminStateWith({
    readiness: () => ({ ready: true }),
    rpc: { ...adminStateWith({}).rpc, services },
  });
  const server = await openAdminServer({ address: loopback }, state);
  t.after(() => server.close());
  const client = await connectAdmin(server.address);
  t.after(() => client.destroy());
  // More than may be answered at a time.
  for (let call = 0; call < 40; call++) assert.equal(await check(client, 'shop.Orders'), 'grpc 13');
  isBroken = false;
  assert.equal(await check(client, 'shop.Orders'), 'SERVING');
});

test('a server that closes ends what is watched with UNAVAILABLE, and then the connection', async () => {
  const server = await openAdminServer(
    { address: loopback },
    adminStateWith({ readiness: () => ({ ready: true }) }),
  );
  const client = await connectAdmin(server.address);
  const stream = begin(client, 'Health/Watch');
  await watched(client, stream, 1);
  await server.close();
  const { grpcStatus, grpcMessage } = await client.outcome(stream);
  assert.deepEqual([grpcStatus, grpcMessage], ['14', 'the admin server closes']);
  await client.wantClosed();
});

/** HealthListResponse: 'name=STATUS'. */
function readList(content: Buffer): readonly string[] {
  const reader = new ProtobufReader(content.subarray(5));
  const entries: string[] = [];
  while (!reader.isAtEnd) {
    assert.equal(reader.readVarint(), 0x0a);
    const entry = new ProtobufReader(reader.readBytes() ?? Buffer.alloc(0));
    let [name, status] = ['', 0];
    while (!entry.isAtEnd) {
      const tag = entry.readVarint();
      const bytes = entry.readBytes() ?? Buffer.alloc(0);
      if (tag === 0x0a) name = bytes.toString();
      else status = bytes[1];
    }
    entries.push(`${name}=${STATUSES[status]}`);
  }
  return entries;
}
