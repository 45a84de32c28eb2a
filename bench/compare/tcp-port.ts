// Finds free ports on loopback, and waits until a process listens on one.

import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedProcess } from './started-process.ts';

const PATIENCE_MS = 15_000;

/**
 * Finds a port that is currently free, below the range that Linux uses for outgoing connections (from 32768). A benchmark makes so
 * many connections that one of them could otherwise take the port before the proxy does.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Resolves once `port` accepts connections. Rejects with the last error output of the process if the process ends before. */
export async function waitUntilAccepting(port: number, started: StartedProcess): Promise<void> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  while (Date.now() < deadlineMs) {
    if (started.hasEnded) {
      throw new Error(`${started.name} ended at its start (${await started.ended}): ${started.lastErrors()}`);
    }
    if (await accepts(port)) return;
    await sleep(50);
  }
  throw new Error(`${started.name} did not listen within ${PATIENCE_MS / 1000} s: ${started.lastErrors()}`);
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
