// HAProxy before Framegate, as a TCP load balancer that sends PROXY headers. It ends with the row.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';

export interface BalancerOptions {
  readonly executable: string;
  readonly folder: string;
  readonly version: 'send-proxy' | 'send-proxy-v2';
  /** Framegate's. */
  readonly port: number;
  /** Where it calls Framegate from. */
  readonly source: string;
}

/** `use` gets the port that clients call. */
export async function withBalancer(
  options: BalancerOptions,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const readyPort = await freePort();
  const file = join(mkdtempSync(join(options.folder, 'haproxy-')), 'haproxy.cfg');
  writeFileSync(file, configurationText(options, port, readyPort));
  const balancer = spawn(options.executable, ['-db', '-q', '-f', file], { stdio: 'ignore' });
  try {
    await ready(balancer, readyPort);
    await use(port);
  } finally {
    if (balancer.exitCode === null) {
      balancer.kill('SIGKILL');
      await once(balancer, 'exit');
    }
  }
}

/** Asked at a port of its own, so that Framegate sees no connection of this. */
async function ready(balancer: ChildProcess, port: number): Promise<void> {
  await eventually('HAProxy is ready', async () => {
    if (balancer.exitCode !== null) throw new Error(`HAProxy ended with ${balancer.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    return answer?.ok === true;
  });
}

function configurationText(options: BalancerOptions, port: number, readyPort: number): string {
  return `defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend ready
  mode http
  bind 127.0.0.1:${readyPort}
  http-request return status 200
listen framegate
  mode tcp
  bind 127.0.0.1:${port}
  server framegate 127.0.0.1:${options.port} source ${options.source} ${options.version}
`;
}
