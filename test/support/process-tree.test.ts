// What /proc says of the connections of a process.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { holdsConnection, noProcessTree } from './process-tree.ts';

const OTHERS = Array.from({ length: 12 }, (_, index) => `127.0.1.${index + 1}`);

/** Whether all connections with this port are ended, and keep it for a while at most: state 06 is TIME_WAIT. */
function isOver(port: number): boolean {
  const local = port.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`: [0-9A-F]{8}:${local} [0-9A-F]{8}:[0-9A-F]{4} (?!06)`);
  return !row.test(readFileSync('/proc/net/tcp', 'utf8'));
}

test('a process holds a connection also where ended ones of other addresses have the same port', {
  skip: noProcessTree,
}, async (t) => {
  const port = await listen(
    t,
    // By default each side ends when the other one does.
    createServer((socket) => socket.resume()),
  );
  const localPort = await freePort();
  const open = async (localAddress: string): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress, localPort });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  for (const address of OTHERS) {
    const socket = await open(address);
    // The side that ends first keeps the port.
    socket.end().resume();
    await once(socket, 'close');
  }
  await eventually('all others are ended', () => isOver(localPort));
  assert.ok(!holdsConnection(process.pid, localPort), "those are nobody's");
  const socket = await open('127.0.0.1');
  assert.ok(!isOver(localPort));
  assert.ok(holdsConnection(process.pid, localPort));
  assert.ok(!holdsConnection(process.ppid, localPort), 'it is not that of another process');
  socket.destroy();
  await once(socket, 'close');
  assert.ok(!holdsConnection(process.pid, localPort), 'it is closed');
});
