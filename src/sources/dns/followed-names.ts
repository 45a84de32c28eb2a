// The names of all upstreams whose endpoints come from DNS, each followed by itself.

import type { Change } from '../../config/change.ts';
import type { NamedEndpoints } from '../../config/endpoint-update.ts';
import type { UpstreamConfig } from '../../config/upstream-config.ts';
import type { DnsClient } from '../../names/dns-client.ts';
import type { Logger } from '../../observability/logger.ts';
import { FollowedName, type NameReport } from './followed-name.ts';

/** How long a configuration waits for the first answers to names that are new in it. */
const FIRST_ANSWER_WITHIN_MS = 2000;

type Discovered = ReadonlyMap<string, NonNullable<UpstreamConfig['discovery']>>;

export class FollowedNames {
  readonly #client: DnsClient;
  readonly #logger: Logger;
  readonly #tell: (upstream: string) => void;
  #names: ReadonlyMap<string, FollowedName> = new Map();
  #coming: ReadonlyMap<string, FollowedName> | undefined = undefined;

  /** @param tell is called when there is something new to say of an upstream */
  constructor(client: DnsClient, logger: Logger, tell: (upstream: string) => void) {
    this.#client = client;
    this.#logger = logger;
    this.#tell = tell;
  }

  /** Resolves when names that are new have been answered for, or DNS has had some time to. Never rejects. */
  async prepare(discovered: Discovered): Promise<Change> {
    const before = this.#names;
    const coming = new Map<string, FollowedName>();
    const added: FollowedName[] = [];
    for (const [upstream, discovery] of discovered) {
      if (discovery.kind !== 'dns') continue;
      const known = before.get(upstream);
      const isSame = JSON.stringify(known?.config) === JSON.stringify(discovery);
      if (known !== undefined && isSame) coming.set(upstream, known);
      else {
        const name = new FollowedName(upstream, discovery, this.#client, this.#logger, (follower) => {
          if (this.#names.get(upstream) === follower) this.#tell(upstream);
        });
        coming.set(upstream, name);
        added.push(name);
      }
    }
    this.#coming = coming;
    await answersOrTime(added);
    return {
      commit: () => {
        this.#names = coming;
        this.#coming = undefined;
        for (const name of before.values()) if (coming.get(name.upstream) !== name) name.close();
      },
      discard: () => {
        this.#coming = undefined;
        for (const name of added) name.close();
      },
    };
  }

  named(upstream: string): NamedEndpoints {
    return this.#names.get(upstream)?.named ?? { endpoints: [], whyNone: undefined };
  }

  /** A connection to an endpoint of the upstream has failed: its name may have other addresses by now. */
  lookAgain(upstream: string): void {
    this.#names.get(upstream)?.lookAgain();
  }

  /** By upstream. */
  get reports(): ReadonlyMap<string, NameReport> {
    return new Map(Array.from(this.#names, ([upstream, name]) => [upstream, name.report]));
  }

  close(): void {
    for (const name of [...this.#names.values(), ...(this.#coming?.values() ?? [])]) name.close();
  }
}

async function answersOrTime(names: readonly FollowedName[]): Promise<void> {
  if (names.length === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, FIRST_ANSWER_WITHIN_MS);
  await Promise.race([Promise.all(names.map(({ first }) => first)), promise]);
  clearTimeout(timer);
}
