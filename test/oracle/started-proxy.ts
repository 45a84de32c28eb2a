// Starts the process of one of the two proxies that are compared, with a configuration that was written for it.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEnvoy } from '../../bench/compare/envoy-program.ts';
import { ProxyProcess } from '../outages/proxies.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-port.ts';
import type { Ports } from './set-up.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

export type ProxyName = 'framegate' | 'envoy';

export interface ProxyStart {
  /** The configuration. */
  readonly file: string;
  readonly ports: Ports;
  readonly workers: number;
}

export async function freePortsForProxy(): Promise<Ports> {
  const first = await freePorts(2);
  return { listener: first, admin: first + 1 };
}

/** Resolves when the proxy serves. */
export async function startProxyProcess(
  name: ProxyName,
  { file, ports, workers }: ProxyStart,
): Promise<ProxyProcess> {
  const isEnvoy = name === 'envoy';
  const command = isEnvoy ? (findEnvoy() ?? 'envoy') : process.execPath;
  const args = isEnvoy
    ? ['-c', file, '--concurrency', String(workers), '--disable-hot-restart']
    : [MAIN, 'serve', '-c', file];
  const started = await ProxyProcess.start({ command, args, port: ports.listener });
  if (isEnvoy)
    await eventually('Envoy listens', async () => {
      await sleep(20);
      return (await fetch(`http://127.0.0.1:${ports.admin}/ready`)).ok;
    });
  return started;
}
