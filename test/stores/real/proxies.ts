// Three whole proxies with two workers each, which share one limit of calls by a real Redis. Each is offered most of what all may admit.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ProxyChild } from '../../soak/processes.ts';
import { eventually } from '../../support/eventually.ts';

const SERVICES = join(import.meta.dirname, '../../hostile/mixed-services.ts');
const EMPTY_MESSAGE = Buffer.alloc(5);
const TICK_MS = 5;
/** RESOURCE_EXHAUSTED; and UNAVAILABLE where the store was not heard of in time. */
const REFUSED = new Set(['8', '14']);

export interface FleetTerms {
  readonly folder: string;
  readonly redisPort: number;
  readonly ratePerSecond: number;
  readonly burst: number;
  readonly proxies: number;
  readonly workers: number;
}

export interface FleetOutcome {
  admitted: number;
  refused: number;
  /** What else calls have ended with, once each. */
  readonly others: Set<string>;
  durationMs: number;
}

export class ProxyFleet {
  readonly #service: ChildProcess;
  readonly #proxies: ProxyChild[] = [];
  readonly #sessions: ClientHttp2Session[] = [];

  private constructor(service: ChildProcess) {
    this.#service = service;
  }

  /** Resolves when all workers of all proxies know of each other. */
  static async start(terms: FleetTerms): Promise<ProxyFleet> {
    const service = fork(SERVICES, { stdio: 'inherit' });
    const [message]: unknown[] = await once(service, 'message');
    if (typeof message !== 'object' || message === null || !('grpc' in message))
      throw new Error('the service did not start');
    const fleet = new ProxyFleet(service);
    const file = join(terms.folder, 'fleet.json');
    writeFileSync(file, JSON.stringify(configuration(terms, Number(message.grpc))));
    for (let index = 0; index < terms.proxies; index++) fleet.#proxies.push(await ProxyChild.start(file));
    await eventually('all know of each other', () => fleet.#isWhole(terms), 60_000);
    fleet.#sessions.push(
      ...fleet.#proxies.map((proxy) => connect(`http://127.0.0.1:${proxy.port('clear')}`)),
    );
    return fleet;
  }

  async #isWhole({ proxies, workers }: FleetTerms): Promise<boolean> {
    const answers = await Promise.all(
      this.#proxies.map(async ({ adminAddress }) => {
        const metrics = await fetch(`http://${adminAddress}/metrics`);
        return metrics.text();
      }),
    );
    return answers.every((text) =>
      text.includes(`framegate_store_processes{store="fleet"} ${proxies * workers}\n`),
    );
  }

  /** @param offered calls in a second, at each proxy */
  async offer(offered: number, seconds: number): Promise<FleetOutcome> {
    const outcome: FleetOutcome = { admitted: 0, refused: 0, others: new Set(), durationMs: 0 };
    const startedAtMs = performance.now();
    const open: Promise<void>[] = [];
    let made = 0;
    while (performance.now() - startedAtMs < seconds * 1000) {
      const due = Math.floor(((performance.now() - startedAtMs) * offered) / 1000);
      for (; made < due; made++) for (const session of this.#sessions) open.push(call(session, outcome));
      await wait(TICK_MS);
    }
    await Promise.all(open);
    outcome.durationMs = performance.now() - startedAtMs;
    return outcome;
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    for (const proxy of this.#proxies) proxy.kill();
    this.#service.disconnect();
  }
}

function configuration({ redisPort, ratePerSecond, burst, workers }: FleetTerms, servicePort: number) {
  const limits = [{ count: 'calls', rate: `${ratePerSecond}/s`, burst, by: ['client'], store: 'fleet' }];
  return {
    workers,
    listeners: [{ name: 'clear', address: '127.0.0.1:0' }],
    // A process that is not run in time has no answer in time; its own share would come on top.
    stores: { fleet: { redis: `redis://127.0.0.1:${redisPort}`, failure: 'closed' } },
    routes: [{ match: { path: '/*' }, upstream: 'service', limits }],
    upstreams: { service: { endpoints: [`127.0.0.1:${servicePort}`] } },
    drain: { timeout: '1s' },
    log: { access: false },
    admin: { address: '127.0.0.1:0' },
  };
}

function call(session: ClientHttp2Session, outcome: FleetOutcome): Promise<void> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/mixed.Service/Unary',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  let status = 'without a status';
  const read = (headers: object): void => {
    if ('grpc-status' in headers) status = String(headers['grpc-status']);
  };
  stream.on('response', read);
  stream.on('trailers', read);
  stream.on('error', (error) => {
    status = error.message;
  });
  stream.on('close', () => {
    if (status === '0') outcome.admitted++;
    else if (REFUSED.has(status)) outcome.refused++;
    else outcome.others.add(status);
    resolve();
  });
  stream.resume();
  stream.end(EMPTY_MESSAGE);
  return promise;
}
