// Endpoints from DNS and from the admin API: what is said of an upstream is what the configuration in force asks for, and no other's.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import type { EndpointUpdate } from '../../src/config/endpoint-update.ts';
import type { Discovery as Kind } from '../../src/config/upstream-config.ts';
import { DnsClient } from '../../src/names/dns-client.ts';
import type { LogFields, Logger } from '../../src/observability/logger.ts';
import { Discovery } from '../../src/sources/discovery.ts';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { nextTurns } from '../support/memory-socket.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';
import { silentLogger } from '../support/silent-logger.ts';

const HOUR_MS = 3_600_000;

class Group {
  readonly named: EndpointUpdate[] = [];
  readonly lines: string[] = [];
  readonly dns: DnsServer;
  readonly discovery: Discovery;
  readonly #config: Config;

  private constructor(dns: DnsServer, config: Config) {
    this.dns = dns;
    this.#config = config;
    const client = new DnsClient();
    client.useServers([dns.address]);
    const say = (_fields: LogFields, message: string): void => {
      this.lines.push(message);
    };
    const logger: Logger = { ...silentLogger, info: say, warn: say };
    this.discovery = new Discovery({ logger, client });
    this.discovery.start({
      resources: () => assert.fail('it offers no configuration'),
      endpoints: (update) => this.named.push(update),
    });
  }

  static async start(t: TestContext): Promise<Group> {
    const dns = await startDnsServer(t);
    const group = new Group(dns, configOf(await proxyConfigText({})));
    t.after(() => group.discovery.close());
    return group;
  }

  prepare(upstreams: Readonly<Record<string, Kind | undefined>>) {
    const [template] = this.#config.upstreams;
    return this.discovery.prepare({
      ...this.#config,
      upstreams: Object.entries(upstreams).map(([name, discovery]) => ({
        ...template,
        name,
        ...(discovery === undefined ? {} : { discovery, endpoints: [] }),
      })),
    });
  }

  async use(upstreams: Readonly<Record<string, Kind | undefined>>): Promise<void> {
    await (await this.prepare(upstreams)).commit();
  }

  /** What was said last of an upstream. */
  last(upstream: string): string | undefined {
    const update = this.named.findLast((one) => one.upstream === upstream);
    return (
      update && (update.whyNone?.sentence ?? update.endpoints.map(({ address }) => address.text).join(' '))
    );
  }
}

const api: Kind = { kind: 'api' };

function followed(name: string, minTtlMs = HOUR_MS): Kind {
  return { kind: 'dns', name, port: 50051, type: 'A', minTtlMs, maxTtlMs: HOUR_MS };
}

function pushed(...hosts: readonly string[]) {
  return hosts.map((host) => ({
    address: { kind: 'tcp', host, port: 1, text: `${host}:1` } as const,
    weight: 1,
    priority: 0,
  }));
}

test('a configuration comes into force with the endpoints of its names, and versions only count up', async (t) => {
  const group = await Group.start(t);
  group.dns.set('a.test', { a: ['192.0.2.1'] });
  group.dns.set('b.test', { a: ['192.0.2.2'] });
  await group.use({ a: followed('a.test.') });
  assert.equal(group.last('a'), '192.0.2.1:50051');
  const change = await group.prepare({ a: followed('a.test.'), b: followed('b.test.') });
  assert.equal(group.last('b'), undefined, 'nothing is said of what is not in force');
  await change.commit();
  assert.equal(group.last('b'), '192.0.2.2:50051');
  const versions = group.named.map(({ version }) => version);
  assert.deepEqual(
    versions,
    versions.toSorted((one, other) => one - other),
  );
  assert.equal(group.dns.questions.filter((name) => name === 'a.test').length, 2, 'A and AAAA, once');
});

test('another name of an upstream is resolved before it counts, and is forgotten when it never does', async (t) => {
  const group = await Group.start(t);
  group.dns.set('a.test', { a: ['192.0.2.1'] });
  group.dns.set('b.test', { a: ['192.0.2.2'] });
  await group.use({ voice: followed('a.test.') });
  const discarded = await group.prepare({ voice: followed('b.test.') });
  assert.equal(group.last('voice'), '192.0.2.1:50051');
  await discarded.discard();
  assert.equal(group.last('voice'), '192.0.2.1:50051');
  await group.use({ voice: followed('b.test.') });
  assert.equal(group.last('voice'), '192.0.2.2:50051');
});

test('nothing is said of an upstream any more once a configuration on its way takes it from here', async (t) => {
  const group = await Group.start(t);
  await group.use({ voice: api, other: api });
  group.discovery.api.set('voice', pushed('a'), undefined);
  const change = await group.prepare({ voice: undefined, other: api });
  group.discovery.api.set('voice', pushed('b'), undefined);
  group.discovery.api.set('other', pushed('c'), undefined);
  assert.deepEqual([group.last('voice'), group.last('other')], ['a:1', 'c:1']);
  await change.discard();
  assert.equal(group.last('voice'), 'b:1', 'what was held back is said when nothing comes of it');
  await group.use({ voice: undefined, other: api });
  assert.deepEqual([group.discovery.api.takes('voice'), group.discovery.api.takes('other')], [false, true]);
  await group.use({ voice: api, other: api });
  assert.equal(group.last('voice'), 'Upstream voice has no endpoint: none has been set for it yet.');
  assert.equal(group.last('other'), 'c:1', 'a reload keeps what was set');
});

test('endpoints that are set hold for their time, and are then withdrawn with a line in the log', async (t) => {
  const group = await Group.start(t);
  await group.use({ voice: api });
  assert.equal(group.last('voice'), 'Upstream voice has no endpoint: none has been set for it yet.');
  group.discovery.api.set('voice', pushed('a', 'b'), 20);
  assert.equal(group.last('voice'), 'a:1 b:1');
  await eventually('their time is over', () => group.last('voice')?.startsWith('Upstream') === true);
  assert.equal(
    group.last('voice'),
    'Upstream voice has no endpoint: the time to live of those set for it is over.',
  );
  assert.ok(group.lines.some((line) => line.endsWith('are withdrawn, as their time to live is over')));
  assert.equal(group.discovery.api.report('voice'), undefined);

  group.discovery.api.set('voice', pushed('a'), 20);
  group.discovery.api.set('voice', pushed('c'), undefined);
  group.discovery.api.set('voice', [], HOUR_MS);
  assert.equal(group.last('voice'), 'Upstream voice has no endpoint: the list set for it is empty.');
  assert.equal(group.discovery.api.withdraw('voice'), true);
  assert.equal(group.discovery.api.withdraw('voice'), false);
  assert.match(
    group.last('voice') ?? '',
    /^Upstream voice has no endpoint: those set for it were withdrawn at 20[^ ]+Z\.$/,
  );
});

test('after failed connections a name is asked for no more often than minTtl says', async (t) => {
  const group = await Group.start(t);
  group.dns.set('seldom.test', { a: ['192.0.2.1'] });
  group.dns.set('often.test', { a: ['192.0.2.2'] });
  await group.use({ seldom: followed('seldom.test.'), often: followed('often.test.', 0) });
  const asked = (name: string): number => group.dns.questions.filter((one) => one === name).length;
  const before = asked('often.test');
  for (let failure = 0; failure < 100; failure++) {
    group.discovery.dns.lookAgain('seldom');
    group.discovery.dns.lookAgain('often');
    group.discovery.dns.lookAgain('nothing');
    await nextTurns(1);
  }
  await eventually('the other one is asked for', () => asked('often.test') > before);
  assert.equal(asked('seldom.test'), 2, 'A and AAAA, once');
});

test('a name that is silent delays a configuration for a while only, and its answer counts when it comes', async (t) => {
  const group = await Group.start(t);
  group.dns.set('late.test', { silent: ['a', 'aaaa'] });
  await group.use({ voice: followed('late.test.') });
  assert.equal(
    group.last('voice'),
    'Upstream voice has no endpoint: DNS has not answered for the name late.test yet.',
  );
  group.dns.set('late.test', { a: ['192.0.2.1'] });
  await eventually('the answer counts', () => group.last('voice') === '192.0.2.1:50051');
});

test('nothing is said after it is closed', async (t) => {
  const group = await Group.start(t);
  group.dns.set('a.test', { a: ['192.0.2.1'], ttl: 0 });
  await group.use({ a: followed('a.test.', 0), voice: api });
  group.discovery.close();
  group.discovery.close();
  const said = group.named.length;
  group.discovery.api.set('voice', pushed('a'), undefined);
  group.dns.set('a.test', { a: ['192.0.2.2'] });
  group.discovery.dns.lookAgain('a');
  await nextTurns(20);
  assert.equal(group.named.length, said);
});
