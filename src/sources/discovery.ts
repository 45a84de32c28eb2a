// The source of endpoints that the configuration does not list: from DNS, and from the admin API. It lives in the control process, so
// that each name is asked for once, however many processes carry calls. It follows the configuration by prepare and commit: what it
// says counts for the upstreams in force alone.

import { type Change, NO_CHANGE } from '../config/change.ts';
import type { Config } from '../config/config.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import type { DnsClient } from '../names/dns-client.ts';
import { dnsClient } from '../names/dns-client.ts';
import type { Logger } from '../observability/logger.ts';
import { ApiEndpoints } from './api-endpoints.ts';
import { FollowedNames } from './dns/followed-names.ts';
import type { Source, SourceSink } from './source.ts';

export interface DiscoveryOptions {
  readonly logger: Logger;
  readonly client?: DnsClient;
}

type Discovered = ReadonlyMap<string, NonNullable<UpstreamConfig['discovery']>>;

export class Discovery implements Source {
  readonly dns: FollowedNames;
  readonly api: ApiEndpoints;
  #sink: SourceSink | undefined = undefined;
  #version = 0;
  #inForce: Discovered = new Map();
  #coming: Discovered | undefined = undefined;
  #isFirst = true;

  constructor({ logger, client = dnsClient }: DiscoveryOptions) {
    const tell = (upstream: string): void => this.#tell(upstream);
    this.dns = new FollowedNames(client, logger, tell);
    this.api = new ApiEndpoints(logger, tell);
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
  }

  judged(): void {
    // It offers no configuration.
  }

  close(): void {
    this.#sink = undefined;
    this.dns.close();
    this.api.close();
  }

  /**
   * Resolves when names that are new have been answered for, or DNS has had some time to. Never rejects. What the first configuration
   * needs is told before its commit, as processes start with it.
   */
  async prepare(config: Config): Promise<Change> {
    const coming = discovered(config);
    this.#coming = coming;
    const names = await this.dns.prepare(coming);
    const commit = (): void => {
      this.#inForce = coming;
      this.#coming = undefined;
      void names.commit();
      this.api.use(upstreamsOf(coming, 'api'));
      for (const upstream of coming.keys()) this.#tell(upstream);
    };
    if (this.#isFirst) {
      this.#isFirst = false;
      commit();
      return NO_CHANGE;
    }
    return {
      commit,
      discard: () => {
        this.#coming = undefined;
        void names.discard();
        // What was held back in the meantime.
        for (const upstream of this.#inForce.keys()) this.#tell(upstream);
      },
    };
  }

  /** Nothing is said of an upstream that a configuration on its way takes from here: what is said would outlast it. */
  #tell(upstream: string): void {
    const discovery = this.#inForce.get(upstream);
    if (discovery === undefined || this.#sink === undefined) return;
    const next = this.#coming === undefined ? discovery : this.#coming.get(upstream);
    if (keyOf(next) !== keyOf(discovery)) return;
    const named = discovery.kind === 'dns' ? this.dns.named(upstream) : this.api.named(upstream);
    this.#sink.endpoints({ upstream, version: ++this.#version, ...named });
  }
}

function discovered({ upstreams }: Config): Discovered {
  return new Map(
    upstreams.flatMap(({ name, discovery }) => (discovery === undefined ? [] : [[name, discovery] as const])),
  );
}

function upstreamsOf(all: Discovered, kind: 'dns' | 'api'): ReadonlySet<string> {
  return new Set([...all].filter(([, discovery]) => discovery.kind === kind).map(([name]) => name));
}

function keyOf(discovery: UpstreamConfig['discovery']): string {
  return JSON.stringify(discovery ?? null);
}
