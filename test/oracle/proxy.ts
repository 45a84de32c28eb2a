// One of the two proxies that are compared, with the set-up of a scenario: what it knows of the health of its endpoints, and calls
// through it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxyProcess } from '../outages/proxies.ts';
import { eventually } from '../support/eventually.ts';
import { grpcMessage } from './grpc-message.ts';
import { envoyConfiguration, framegateConfiguration, type Ports, type SetUp } from './set-up.ts';
import { freePortsForProxy, type ProxyName, startProxyProcess } from './started-proxy.ts';

const MESSAGE = grpcMessage(Buffer.from('?'));

export interface Answer {
  /** The name of the service that has answered, or ''. */
  readonly server: string;
  /** The gRPC status, or what came in its place. */
  readonly status: string;
  /** As performance.now() has it. */
  readonly endedMs: number;
}

export interface CallOptions {
  readonly path?: string;
  readonly key?: string;
  /** The value of grpc-timeout. */
  readonly timeout?: string;
  /** Between two calls of one that calls. */
  readonly pauseMs?: number;
  /** How many call at a time. */
  readonly atOnce?: number;
}

export class Proxy {
  readonly name: ProxyName;
  readonly #process: ProxyProcess;
  readonly #ports: Ports;
  readonly #folder: string;
  readonly #sessions: readonly ClientHttp2Session[];

  private constructor(name: ProxyName, started: ProxyProcess, ports: Ports, folder: string) {
    this.name = name;
    this.#process = started;
    this.#ports = ports;
    this.#folder = folder;
    this.#sessions = Array.from({ length: 4 }, () => connect(`http://127.0.0.1:${ports.listener}`));
    for (const session of this.#sessions) session.on('error', () => undefined);
  }

  static async start(name: ProxyName, setUp: SetUp): Promise<Proxy> {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-oracle-'));
    const ports = await freePortsForProxy();
    const file = join(folder, 'config.json');
    const textOf = name === 'envoy' ? envoyConfiguration : framegateConfiguration;
    writeFileSync(file, textOf(setUp, ports));
    const started = await startProxyProcess(name, { file, ports, workers: setUp.workers ?? 1 });
    return new Proxy(name, started, ports, folder);
  }

  /** Waits until the proxy knows that so many endpoints are unhealthy. */
  async seesUnhealthy(count: number): Promise<void> {
    await eventually(`${this.name} knows of ${count} unhealthy endpoints`, async () => {
      await sleep(20);
      return (await this.#countUnhealthy()) === count;
    });
  }

  async #countUnhealthy(): Promise<number> {
    const path = this.name === 'envoy' ? 'clusters' : 'metrics';
    const text = await (await fetch(`http://127.0.0.1:${this.#ports.admin}/${path}`)).text();
    const marks = this.name === 'envoy' ? /failed_active_hc/g : /^framegate_endpoint_healthy\{.*\} 0$/gm;
    return [...text.matchAll(marks)].length;
  }

  async call(
    upstream: string,
    { path = 'answer', key = 'none', timeout }: CallOptions = {},
    number = 0,
  ): Promise<Answer> {
    const session = this.#sessions[number % this.#sessions.length];
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${upstream}/${path}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      'x-key': key,
      ...(timeout === undefined ? {} : { 'grpc-timeout': timeout }),
    });
    let fields: IncomingHttpHeaders = {};
    let server = '';
    let problem = '';
    stream.on('response', (headers) => {
      fields = { ...headers };
    });
    stream.on('trailers', (trailers) => {
      fields = { ...fields, ...trailers };
    });
    stream.on('data', (bytes: Buffer) => {
      server += bytes.toString();
    });
    stream.on('error', (error) => {
      problem = error.message;
    });
    stream.end(MESSAGE);
    await new Promise<void>((resolve) => stream.once('close', resolve));
    const status = String(fields['grpc-status'] ?? `none (${problem})`);
    return { server: String(fields['x-server'] ?? server.slice(5)), status, endedMs: performance.now() };
  }

  /** Makes so many calls, one after another of each that calls. */
  async calls(count: number, upstream: string, options: CallOptions = {}): Promise<readonly Answer[]> {
    const { atOnce = 8, pauseMs = 0 } = options;
    const answers: Answer[] = [];
    let made = 0;
    const callOn = async (): Promise<void> => {
      while (made < count) {
        const number = made++;
        answers.push(await this.call(upstream, options, number));
        if (pauseMs > 0) await sleep(pauseMs);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, callOn));
    return answers;
  }

  async stop(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true });
  }

  kill(): void {
    this.#process.kill();
  }
}

/** Starts both with the same set-up, asks both the same at the same time, and stops them. @returns what each has given */
export async function ofBoth<Value>(
  setUp: SetUp,
  ask: (proxy: Proxy) => Promise<Value>,
): Promise<Readonly<Record<ProxyName, Value>>> {
  const framegate = await Proxy.start('framegate', setUp);
  const envoy = await Proxy.start('envoy', setUp).catch((error: unknown) => {
    framegate.kill();
    throw error;
  });
  try {
    const [ours, theirs] = await Promise.all([ask(framegate), ask(envoy)]);
    await framegate.stop();
    await envoy.stop();
    return { framegate: ours, envoy: theirs };
  } finally {
    framegate.kill();
    envoy.kill();
  }
}
