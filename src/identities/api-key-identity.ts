// Clients that send an API key. The list holds the hash of each key. Keys are long and random, so that one round of SHA-256 is enough,
// and nobody can guess one.

import { hash, timingSafeEqual } from 'node:crypto';
import type { AdmittedCall } from '../calls/policy.ts';
import type { ApiKeyConfig } from '../config/identity-config.ts';
import type { PublicKey } from '../config/public-keys.ts';
import { bearerToken, otherScheme } from './bearer-token.ts';
import type { Identity, IdentityParts, Look, Rejection, Verdict } from './identity.ts';
import { KeyWaits, tooManyWait } from './key-waits.ts';
import { KnownCallers } from './known-callers.ts';
import { namedCaller } from './named-caller.ts';
import { withoutList } from './without-list.ts';

/** Longer texts are no keys, and are not hashed. */
const LONGEST_KEY = 4096;
/** The characters of a hash by which its entry is found. They say nothing about the rest, which is compared in constant time. */
const INDEXED = 16;

export class ApiKeyIdentity implements Identity {
  readonly name: string;
  readonly wanted: string;
  readonly challenge: string;
  readonly adds: readonly string[];
  readonly source: string;
  readonly #config: ApiKeyConfig;
  readonly #parts: IdentityParts;
  readonly #known: KnownCallers;
  readonly #waits: KeyWaits;
  #entries: readonly PublicKey[] = [];
  /** By the first characters of their hashes. */
  #index: ReadonlyMap<string, readonly PublicKey[]> = new Map();

  constructor(config: ApiKeyConfig, parts: IdentityParts) {
    const { header, subject } = config;
    this.name = config.name;
    this.wanted =
      header === 'authorization' ? 'an API key in authorization (Bearer)' : `an API key in ${header}`;
    this.challenge = header === 'authorization' ? 'Bearer' : '';
    this.adds = subject === undefined ? [] : [subject];
    this.#config = config;
    this.#parts = parts;
    this.source = parts.keys.source;
    this.#known = new KnownCallers(parts.keys, parts.now);
    this.#waits = new KeyWaits(parts.keys);
  }

  look(call: AdmittedCall): Look {
    const text = call.header(this.#config.header);
    if (text === undefined) return undefined;
    const known = this.#known.find(text);
    if (known !== undefined) return known;
    const key = this.#keyIn(text);
    if (key === undefined) return undefined;
    return this.#parts.keys.whyNone === undefined ? this.#judge(text, key) : 'later';
  }

  shownInstead(call: AdmittedCall): string | undefined {
    const { header } = this.#config;
    return header === 'authorization' ? otherScheme(call.header(header), 'Bearer') : undefined;
  }

  /** Only while there is no list. */
  verify(call: AdmittedCall, done: (verdict: Verdict) => void): () => void {
    const { keys } = this.#parts;
    const text = call.header(this.#config.header) ?? '';
    const judge = (): void =>
      done(
        keys.whyNone === undefined
          ? this.#judge(text, this.#keyIn(text) ?? '')
          : withoutList(this.name, keys, this.#isShared),
      );
    const stop = this.#waits.begin(call.subject.clientKey, judge);
    if (typeof stop !== 'string') return stop;
    if (stop === 'early') judge();
    else done({ ...tooManyWait(this.name, keys), isOfAnother: this.#isShared });
    return () => undefined;
  }

  #keyIn(text: string): string | undefined {
    if (this.#config.header !== 'authorization') return text;
    return bearerToken(text);
  }

  #judge(text: string, key: string): Verdict {
    if (key.length > LONGEST_KEY) return this.#unknown;
    const found = this.#find(hash('sha256', Buffer.from(key, 'latin1'), 'hex'));
    if (found === undefined) return this.#unknown;
    const caller = namedCaller(this.name, found['name'], this.#config.subject);
    this.#known.keep(text, caller);
    return caller;
  }

  #find(digest: string): PublicKey | undefined {
    const { keys } = this.#parts.keys;
    if (keys !== this.#entries) {
      this.#entries = keys;
      this.#index = Map.groupBy(keys, (entry) => entry['hash'].slice(0, INDEXED));
    }
    const bytes = Buffer.from(digest, 'hex');
    return this.#index
      .get(digest.slice(0, INDEXED))
      ?.find((entry) => timingSafeEqual(Buffer.from(entry['hash'], 'hex'), bytes));
  }

  /** In authorization there may be a token for another identity. */
  get #isShared(): boolean {
    return this.#config.header === 'authorization';
  }

  get #unknown(): Rejection {
    return {
      token: 'credentials_invalid',
      sentence: `identity ${this.name}: the API key is not in the list`,
      isOfAnother: this.#isShared,
    };
  }
}
