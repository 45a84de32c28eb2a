// An address of loopback that answers no connection attempt, as the address of a machine without power: a process listens there with a
// short queue, is stopped, and its queue is filled, so that the kernel drops what comes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';

const LISTEN = `
  const server = require('node:net').createServer();
  server.listen({ host: process.argv[1], port: Number(process.argv[2]), backlog: 1 }, () => console.log('listens'));
`;
/** More than fit into the queue. */
const FILLING = 8;

/** Resolves when connection attempts get no answer any more. */
export async function startSilentAddress(t: TestContext, host: string, port: number): Promise<void> {
  const child = spawn(process.execPath, ['-e', LISTEN, host, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  assert.equal(String(line), 'listens\n');
  child.kill('SIGSTOP');
  const sockets = Array.from({ length: FILLING }, () => {
    const socket = connect({ host, port, autoSelectFamily: false });
    socket.on('error', () => undefined);
    return socket;
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  // The queue is full when the first attempts have been answered, and the others have not.
  await Promise.all(sockets.slice(0, 1).map((socket) => once(socket, 'connect')));
}
