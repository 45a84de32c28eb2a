import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import type { ConnectionSource } from '../../src/listeners/connection-source.ts';
import { FedSockets } from '../../src/workers/fed-sockets.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

const [listener] = configOf(await proxyConfigText({})).listeners;

interface Fed {
  readonly source: ConnectionSource;
  readonly accepted: readonly Socket[];
}

async function open(sockets: FedSockets, index: number): Promise<Fed> {
  const accepted: Socket[] = [];
  const source = await sockets.openerOf(index)(listener, {
    accept: (socket) => accepted.push(socket),
    fail: (error) => assert.fail(error),
  });
  return { source, accepted };
}

const places = [
  { socket: 11, address: '127.0.0.1:1', port: 1 },
  { socket: 12, address: 'unix:/run/a', port: undefined },
];

test('a connection goes to the listener of the socket it came by, half-open as at any listener', async () => {
  const sockets = new FedSockets();
  sockets.expect(places);
  const [tcp, unix] = [await open(sockets, 0), await open(sockets, 1)];
  const connection = new Socket();
  assert.equal(sockets.accept(12, connection), true);
  assert.deepEqual([tcp.accepted, unix.accepted], [[], [connection]]);
  assert.equal(connection.allowHalfOpen, true);
  assert.equal(sockets.accept(99, new Socket()), false);
});

test('where a socket listens may be known only when it is put to use', async () => {
  const sockets = new FedSockets();
  sockets.expect([{ socket: 11, address: '', port: undefined }]);
  const { source } = await open(sockets, 0);
  sockets.settle([{ socket: 11, address: '0.0.0.0:443', port: 443 }]);
  assert.deepEqual([source.address, source.port], ['0.0.0.0:443', 443]);
});

test('connections accepted before their listener was closed still arrive, until the change after', async () => {
  const sockets = new FedSockets();
  sockets.expect(places);
  const { source, accepted } = await open(sockets, 0);
  sockets.settle(places);
  source.close();
  assert.equal(sockets.accept(11, new Socket()), true);
  assert.equal(accepted.length, 1);
  sockets.settle([places[1]]);
  assert.equal(sockets.accept(11, new Socket()), false);
});
