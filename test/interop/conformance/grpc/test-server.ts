// A TestService of somebody else's as a child process on a free port, without TLS.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../support/free-port.ts';

export interface TestServer {
  readonly port: number;
  stop(): Promise<void>;
}

const startTimeoutMs = 30_000;
const stopTimeoutMs = 5000;

export async function startTestServer(
  command: string,
  argsFor: (port: number) => readonly string[],
): Promise<TestServer> {
  const port = await freePort();
  const child = spawn(command, argsFor(port), { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = `it ended with ${code ?? signal}`;
  });
  const endsAt = performance.now() + startTimeoutMs;
  while (!(await accepts(port))) {
    if (ended !== undefined) throw new Error(`${command} did not start: ${ended} ${complaint}`);
    if (performance.now() > endsAt) {
      child.kill('SIGKILL');
      throw new Error(`${command} did not listen within ${startTimeoutMs} ms: ${complaint}`);
    }
    await sleep(50);
  }
  return {
    port,
    stop: async () => {
      if (ended !== undefined) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await exit;
      clearTimeout(timer);
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  const isOpen = await promise;
  socket.destroy();
  return isOpen;
}
