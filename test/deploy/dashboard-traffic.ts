// A proxy whose metrics all have something to tell: good, failed and repeated calls, an ejected endpoint, a service that is down, health
// checks, load reports, a name in DNS, refused clients and broken rules, an authorizer, a rate limit service, keys, limits, stores and faults.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type DemoService, startDemoService } from '../../src/demo/demo-service.ts';
import { Metadata, status } from '../../src/demo/grpc.ts';
import { generous, scriptedServer } from '../stores/scripted-server.ts';
import { ALLOWED, Authorizer } from '../support/authorizer.ts';
import { LimitService, WITHIN } from '../support/limit-service.ts';
import { configOf, ProxyUnderTest, proxyConfigText } from '../support/proxy-under-test.ts';
import type { CaseContext } from './cases.ts';

export interface BusyProxy {
  /** HOST:PORT of the admin server. */
  readonly admin: string;
  /** Makes one of everything. What is counted is counted before it resolves, or soon after. */
  readonly makeTraffic: () => Promise<void>;
}

export async function startBusyProxy({
  after,
  folder,
}: Pick<CaseContext, 'after' | 'folder'>): Promise<BusyProxy> {
  const services = await Promise.all([1, 2, 3].map(() => startDemoService({ address: '127.0.0.1:0' })));
  for (const service of services) after(() => service.forceClose());
  const guard = await Authorizer.start({ after });
  guard.judge = () =>
    guard.asked.length % 2 === 0 ? ALLOWED : { error: { code: status.UNAVAILABLE, details: 'not now' } };
  const limiter = await LimitService.start({ after });
  limiter.reply = () =>
    limiter.asked.length % 2 === 0 ? WITHIN : { error: { code: status.UNAVAILABLE, details: 'not now' } };
  const store = await scriptedServer({ after }, generous);
  const keys = join(folder, 'keys.txt');
  writeFileSync(keys, `partner:${'0'.repeat(64)}\n`);
  const sections = {
    ...sectionsFor(services, guard, limiter),
    identities: { partners: { apiKey: { header: 'x-key', file: keys } } },
    stores: { fleet: { redis: `redis://127.0.0.1:${store.port}` }, gone: { redis: 'redis://127.0.0.1:1' } },
  };
  const proxy = await ProxyUnderTest.start(configOf(await proxyConfigText({ sections })));
  after(() => proxy.close());
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const client = proxy.voiceClient('tls');
  return {
    admin: String(address),
    async makeTraffic() {
      await client.say({ text: 'hello' });
      await client.narrate({ text: 'one two three' });
      await client.fail({ code: status.NOT_FOUND });
      await client.say({ text: 'too late', delayMs: 60_000 }, { deadlineMs: 100 });
      for (let count = 0; count < 3; count++) await client.fail({ code: status.UNAVAILABLE }, to('flaky'));
      await client.say({ text: 'nobody' }, to('gone'));
      for (let count = 0; count < 2; count++) {
        await client.say({ text: 'may I?' }, to('guarded'));
        await client.say({ text: 'again' }, to('limited'));
      }
      await client.say({ text: 'no route' }, { authority: 'elsewhere.example.com' });
      await refuseClient(proxy.port('tls'));
      const raw = await proxy.rawClient('clear');
      raw.sendReset(2, 0);
      await raw.wantGoAway();
    },
  };
}

function sectionsFor(
  [good, ...flaky]: readonly DemoService[],
  guard: Authorizer,
  limiter: LimitService,
): Readonly<Record<string, unknown>> {
  const host = 'localhost';
  return {
    admin: { address: '127.0.0.1:0' },
    metrics: { methods: true },
    limits: { memory: '8GiB' },
    routes: [
      { name: 'voice', match: { host }, upstream: 'voice' },
      {
        name: 'flaky',
        match: { host, headers: { 'x-tenant': 'flaky' } },
        upstream: 'flaky',
        retry: { backoff: '1ms' },
      },
      { name: 'gone', match: { host, headers: { 'x-tenant': 'gone' } }, upstream: 'gone' },
      {
        name: 'guarded',
        match: { host, headers: { 'x-tenant': 'guarded' } },
        upstream: 'voice',
        limits: [
          { count: 'calls', rate: '1000/s', store: 'fleet' },
          { count: 'messages', rate: '1000/s', exceed: 'slow' },
          { service: 'limiter', domain: 'voice', descriptors: [{ route: 'route' }], timeout: '10s' },
        ],
        authorize: { upstream: 'guard' },
        fault: { delay: '1ms' },
      },
      {
        name: 'limited',
        match: { host, headers: { 'x-tenant': 'limited' } },
        upstream: 'voice',
        limits: [
          { count: 'calls', rate: '1/h', by: ['client'], dryRun: true },
          { count: 'calls', rate: '1/h' },
        ],
      },
    ],
    upstreams: {
      voice: {
        endpoints: [good.address, '127.0.0.1:1'],
        health: { interval: '100ms', unhealthyAfter: 1 },
        weights: 'orca',
      },
      flaky: { endpoints: flaky.map(({ address }) => address), outliers: { consecutive: 2, ejection: '1s' } },
      gone: { endpoints: ['127.0.0.1:1'] },
      guard: { endpoints: [guard.address] },
      limiter: { endpoints: [limiter.address] },
      named: { dns: { name: 'localhost', port: 1 } },
    },
  };
}

/** A call to another upstream. */
function to(tenant: string): { readonly metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set('x-tenant', tenant);
  return { metadata };
}

/** As a client that does not speak TLS. */
async function refuseClient(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.resume();
  socket.end('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(socket, 'close');
}
