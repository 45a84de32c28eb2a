// Has the keys of issuers, and lists of keys and passwords, read for the `identities` of the configuration, and tells the plane of them. The processes that carry
// calls never fetch keys. A proxy without tokens loads nothing for it.

import type { Config } from '../config/config.ts';
import { type IdentityConfig, type KeySource, keySetName } from '../config/identity-config.ts';
import type { KeysUpdate } from '../config/public-keys.ts';
import type { Logger } from '../observability/logger.ts';
import { counterFamily, gaugeFamily, type MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import { FollowedKeys, type KeyReport } from './followed-keys.ts';

export interface KeyWatchOptions {
  readonly publish: (update: KeysUpdate) => void;
  readonly logger: Logger;
}

export class KeyWatch {
  readonly #options: KeyWatchOptions;
  /** By keySetName, as `#sources`. */
  readonly #followed = new Map<string, FollowedKeys>();
  /** The sources by the identities that use them. Several may use one. */
  #sources: readonly (readonly [identity: string, source: string])[] = [];
  #fileEveryMs: number | undefined = undefined;

  constructor(options: KeyWatchOptions) {
    this.#options = options;
  }

  /** Follows a configuration that was put to use: reads the keys of sources that are new, and files again. */
  use({ identities = [], reload }: Config): void {
    this.#fileEveryMs = reload.certificatesMs;
    const sources = new Map(identities.flatMap(keysOf));
    this.#sources = identities.flatMap((one) => keysOf(one).map(([name]) => [one.name, name] as const));
    for (const [name, followed] of this.#followed) {
      if (sources.has(name)) continue;
      followed.close();
      this.#followed.delete(name);
      this.#options.publish({ source: name, keys: [], isDropped: true });
    }
    for (const [name, source] of sources) {
      const known = this.#followed.get(name);
      if (known === undefined) this.#follow(source);
      else if (source.kind === 'file') void known.read();
    }
  }

  #follow(source: KeySource): void {
    const followed = new FollowedKeys(source, {
      ...this.#options,
      read: async (from) => (await import('../sources/key-set-source.ts')).readKeySet(from),
      fileEveryMs: () => this.#fileEveryMs,
      identities: () => this.#usersOf(keySetName(source)),
    });
    this.#followed.set(keySetName(source), followed);
    void followed.read();
  }

  #usersOf(source: string): readonly string[] {
    return this.#sources.filter(([, used]) => used === source).map(([identity]) => identity);
  }

  /** Of each identity that has keys, a list of keys or passwords. */
  get report(): readonly KeyReport[] {
    return this.#sources.flatMap(([identity, source]) => {
      const followed = this.#followed.get(source);
      return followed === undefined ? [] : [{ identity, ...followed.report }];
    });
  }

  /** A token names a key of this source that is not known. */
  lookAgain(source: string): void {
    this.#followed.get(source)?.lookAgain();
  }

  /** Nothing while no identity needs keys. */
  get metrics(): MetricsSnapshot {
    const used = this.#sources.flatMap(([identity, source]) => {
      const followed = this.#followed.get(source);
      return followed === undefined ? [] : [{ identity, followed }];
    });
    if (used.length === 0) return [];
    return [
      counterFamily(
        'framegate_key_reads_total',
        'How often the keys, or the list of keys or passwords, of an identity were read, or could not be.',
        used.flatMap(({ identity, followed }) =>
          Object.entries(followed.counts).map(([result, value]) => ({ labels: { identity, result }, value })),
        ),
      ),
      gaugeFamily(
        'framegate_key_age_seconds',
        'How long ago the keys of an identity that are in use were read, or found unchanged.',
        used.flatMap(({ identity, followed: { ageMs } }) =>
          ageMs === undefined ? [] : [{ labels: { identity }, value: ageMs / 1000 }],
        ),
        'max',
      ),
    ];
  }

  close(): void {
    for (const followed of this.#followed.values()) followed.close();
    this.#followed.clear();
  }
}

/** Certificates need no keys but those of the listener. */
function keysOf(identity: IdentityConfig): readonly (readonly [string, KeySource])[] {
  return identity.kind === 'certificate' ? [] : [[keySetName(identity.keys), identity.keys]];
}
