// A service in a process of its own, and proxies in front of it that let in only clients with a token.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProxyChild } from '../soak/processes.ts';
import { ISSUER } from '../support/token-issuer.ts';

const SERVICES = join(import.meta.dirname, '../hostile/mixed-services.ts');

/** Answered with a message. */
export const UNARY = '/mixed.Service/Unary';
/** Each message comes back. */
export const STREAM = '/mixed.Service/Stream';

export interface GuardedSettings {
  /** Where the keys of the issuer are: an address or a file. */
  readonly jwks: string;
  readonly workers?: number;
}

export class GuardedService {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #proxies: ProxyChild[] = [];
  #nextProxy = 0;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.#port = port;
    this.folder = mkdtempSync(join(tmpdir(), 'framegate-tokens-'));
  }

  static async start(): Promise<GuardedService> {
    const child = fork(SERVICES, { stdio: 'inherit' });
    const [message]: unknown[] = await once(child, 'message');
    if (typeof message !== 'object' || message === null || !('grpc' in message))
      throw new Error('the service did not start');
    return new GuardedService(child, Number(message.grpc));
  }

  async startProxy({ jwks, workers = 1 }: GuardedSettings): Promise<ProxyChild> {
    const file = join(this.folder, `proxy-${this.#nextProxy++}.json`);
    const configuration = {
      workers,
      listeners: [{ name: 'clear', address: '127.0.0.1:0' }],
      identities: { office: { jwt: { issuer: ISSUER, audience: 'voice', jwks } } },
      routes: [{ match: { path: '/*' }, upstream: 'service', access: { require: ['office'] } }],
      upstreams: { service: { endpoints: [`127.0.0.1:${this.#port}`] } },
      reload: { certificates: '1s' },
      drain: { timeout: '1s' },
      log: { access: false },
      admin: { address: '127.0.0.1:0' },
    };
    writeFileSync(file, JSON.stringify(configuration));
    const proxy = await ProxyChild.start(file);
    this.#proxies.push(proxy);
    return proxy;
  }

  close(): void {
    for (const proxy of this.#proxies) if (!proxy.hasExited) proxy.kill();
    this.#child.disconnect();
    rmSync(this.folder, { recursive: true });
  }
}
