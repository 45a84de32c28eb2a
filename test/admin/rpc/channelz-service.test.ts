// grpc.channelz.v1 on the port of the admin server, with what a proxy could have: pages, identifiers, and the bounds of answers.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type AdminServer, openAdminServer } from '../../../src/admin/admin-server.ts';
import type { ShownChannel } from '../../../src/admin/rpc/channelz-state.ts';
import type { SocketQuery } from '../../../src/calls/socket-report.ts';
import type { Address } from '../../../src/config/address.ts';
import { FrameType } from '../../../src/h2/frame-type.ts';
import { begin, connectAdmin, portOf } from '../../support/admin-grpc.ts';
import { adminStateWith } from '../../support/admin-state.ts';
import { type ChannelzClient, connectChannelz } from '../../support/channelz-client.ts';
import { eventually } from '../../support/eventually.ts';
import { connectRawClient } from '../../support/raw-client.ts';
import { grpcMessage } from '../../support/raw-frames.ts';

const loopback: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, text: '127.0.0.1:0' };
const calls = { started: 5, succeeded: 3, failed: 1 };

function channel(id: number, subchannels = 0): ShownChannel {
  const facts = { target: 't', calls, troubles: [] };
  return {
    id,
    name: `upstream ${id}`,
    state: 'READY',
    ...facts,
    subchannels: Array.from({ length: subchannels }, (_one, index) => ({
      id: id + index + 1,
      upstream: `upstream ${id}`,
      name: `endpoint-with-a-long-name-${index}.example.com:443`,
      state: 'IDLE',
      ...facts,
    })),
  };
}

describe('the channelz of an admin server', () => {
  let channels: readonly ShownChannel[] = [];
  const queries: SocketQuery[] = [];
  let server: AdminServer;
  let client: ChannelzClient;
  before(async () => {
    const state = adminStateWith({
      rpc: {
        services: async () => new Map(),
        namesUsing: () => new Set(),
        channelz: {
          channels: async () => channels,
          servers: async () => [
            { id: 2, name: 'main', calls, listening: { id: 4, name: 'unix:/run/main', end: undefined } },
          ],
          sockets: async (query) => {
            queries.push(query);
            return { sockets: [], hasMore: true };
          },
        },
      },
    });
    server = await openAdminServer({ address: loopback }, state);
    client = connectChannelz(server.address.text);
  });
  after(() => {
    client.close();
    return server.close();
  });

  const idsOf = async (request: Readonly<Record<string, string | number>>) => {
    const { channel: shown, end } = await client.ask('GetTopChannels', request);
    return { ids: shown.map(({ ref }) => Number(ref.channel_id)), end };
  };

  test('has channels page by page, in the order of their identifiers', async () => {
    channels = [channel(9), channel(1), channel(5)];
    assert.deepEqual(await idsOf({}), { ids: [1, 5, 9], end: true });
    assert.deepEqual(await idsOf({ max_results: 2 }), { ids: [1, 5], end: false });
    assert.deepEqual(await idsOf({ start_channel_id: 6, max_results: 2 }), { ids: [9], end: true });
    assert.deepEqual(await idsOf({ start_channel_id: 10 }), { ids: [], end: true });
  });

  test('takes numbers that are negative or too large for what nobody has', async () => {
    channels = [channel(1)];
    assert.deepEqual(await idsOf({ start_channel_id: '-1' }), { ids: [], end: true });
    assert.deepEqual(await idsOf({ start_channel_id: '9223372036854775807' }), { ids: [], end: true });
    assert.deepEqual(await idsOf({ max_results: '-5' }), { ids: [1], end: true });
  });

  test('has a hundred channels on a page without a number, and five hundred at most', async () => {
    channels = Array.from({ length: 1000 }, (_one, index) => channel(index + 1));
    assert.equal((await idsOf({})).ids.length, 100);
    assert.equal((await idsOf({ max_results: 1000 })).ids.length, 500);
  });

  test('ends a page before clients would refuse its size', async () => {
    channels = Array.from({ length: 100 }, (_one, index) => channel(index * 2000 + 1, 1000));
    const { ids, end } = await idsOf({});
    assert.ok(ids.length > 5 && ids.length < 50 && !end);
    const next = await idsOf({ start_channel_id: (ids.at(-1) ?? 0) + 1 });
    assert.equal(next.ids[0], ids.length * 2000 + 1);
  });

  test('says what there is not', async () => {
    for (const method of ['GetChannel', 'GetSubchannel', 'GetServer', 'GetSocket', 'GetServerSockets'])
      await assert.rejects(client.ask(method), { code: 5 });
  });

  test('asks for the connections of a listener from a number on, 500 at most', async () => {
    const { socket_ref: refs, end } = await client.ask('GetServerSockets', {
      server_id: 2,
      start_socket_id: 77,
      max_results: 100_000,
    });
    assert.deepEqual([refs, end], [[], false]);
    assert.deepEqual(queries.at(-1), { of: 'listener', listener: 'main', from: 77, limit: 500 });
  });

  test('has the socket that a listener listens on', async () => {
    const { server: shown } = await client.ask('GetServer', { server_id: 2 });
    assert.deepEqual(shown.listen_socket, [{ socket_id: '4', name: 'unix:/run/main' }]);
    const { socket } = await client.ask('GetSocket', { socket_id: 4 });
    assert.deepEqual(socket.local, { uds_address: { filename: '/run/main' }, address: 'uds_address' });
  });

  test('refuses what is no request', async () => {
    const raw = await connectAdmin(server.address);
    const body = grpcMessage(Buffer.from([0x08, 0xff]));
    assert.equal((await raw.outcome(begin(raw, 'Channelz/GetChannel', { body }))).grpcStatus, '3');
    raw.destroy();
  });

  test('drops responses that nobody reads when too many of them wait, and has room again afterwards', async () => {
    channels = Array.from({ length: 20 }, (_one, index) => channel(index * 2000 + 1, 1000));
    const raw = await connectRawClient({ port: portOf(server.address), givesCredit: false });
    const body = grpcMessage(Buffer.alloc(0));
    const streams = Array.from({ length: 16 }, () => begin(raw, 'Channelz/GetTopChannels', { body }));
    // The reset of a response follows its beginning at once, and long before the time that a client has to read it.
    for (const stream of streams) await raw.wantHeaders(stream);
    const dropped = raw.frames.find(({ type }) => type === FrameType.RST_STREAM);
    assert.equal(dropped?.payload.readUInt32BE(0), 11);
    assert.ok(streams.includes(dropped.streamId));
    raw.destroy();
    await eventually('a response has room again', () =>
      idsOf({}).then(
        ({ ids }) => ids.length > 1,
        () => false,
      ),
    );
  });
});
