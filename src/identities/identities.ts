// All identities of a process. An identity whose settings have not changed is taken over from the previous configuration, with the
// tokens that it has verified.

import { isDeepStrictEqual } from 'node:util';
import { type Change, NO_CHANGE } from '../config/change.ts';
import { type IdentityConfig, keySetName } from '../config/identity-config.ts';
import type { KeysUpdate } from '../config/public-keys.ts';
import { ApiKeyIdentity } from './api-key-identity.ts';
import { BasicIdentity } from './basic-identity.ts';
import { CertificateIdentity } from './certificate-identity.ts';
import type { Identity, IdentityParts } from './identity.ts';
import { JwtIdentity } from './jwt-identity.ts';
import { KeySets } from './key-sets.ts';
import { OF_PASSWORDS, OF_SIGNATURES, Verifications } from './verifications.ts';

/** The identities of one configuration, by name. */
export type IdentitySet = ReadonlyMap<string, Identity>;

export interface IdentitiesParts {
  /** Receives what nobody has foreseen. Must not throw. */
  readonly onFault: (error: unknown) => void;
  /** Milliseconds since the Unix epoch. For tests. */
  readonly now?: () => number;
}

interface Made {
  readonly config: IdentityConfig;
  readonly identity: Identity;
}

export class Identities {
  readonly #parts: IdentitiesParts;
  readonly #keys = new KeySets();
  readonly #signatures = new Verifications(OF_SIGNATURES);
  readonly #passwords = new Verifications(OF_PASSWORDS);
  #made: readonly Made[] = [];

  constructor(parts: IdentitiesParts) {
    this.#parts = parts;
  }

  build(configs: readonly IdentityConfig[] = []): IdentitySet {
    const before = new Map(this.#made.map((one) => [one.config.name, one]));
    this.#made = configs.map((config) => {
      const known = before.get(config.name);
      return known !== undefined && isDeepStrictEqual(known.config, config) ? known : this.#make(config);
    });
    return new Map(this.#made.map(({ identity }) => [identity.name, identity]));
  }

  #make(config: IdentityConfig): Made {
    const { now = Date.now, onFault } = this.#parts;
    if (config.kind === 'certificate') return { config, identity: new CertificateIdentity(config) };
    const verifications = config.kind === 'basic' ? this.#passwords : this.#signatures;
    const keys = this.#keys.of(keySetName(config.keys));
    return { config, identity: identityOf(config, { keys, verifications, now, onFault }) };
  }

  /** Loads what verifying needs, so that no call waits for it. */
  async load(configs: readonly IdentityConfig[] = []): Promise<Change> {
    if (configs.some(({ kind }) => kind === 'jwt')) await import('./jwt-signature.ts');
    return NO_CHANGE;
  }

  updateKeys(update: KeysUpdate): void {
    this.#keys.update(update);
  }

  watchWantedKeys(tell: (source: string) => void): void {
    this.#keys.onWanted = tell;
  }
}

function identityOf(
  config: Exclude<IdentityConfig, { kind: 'certificate' }>,
  parts: IdentityParts,
): Identity {
  if (config.kind === 'jwt') return new JwtIdentity(config, parts);
  return config.kind === 'apiKey' ? new ApiKeyIdentity(config, parts) : new BasicIdentity(config, parts);
}
