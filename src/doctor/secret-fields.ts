// The header fields that a person gives the doctor for its calls. Checks get their values only for a connection whose peer has
// shown who it is, so that none can send them to anybody else.

import type { TlsFacts } from './dial.ts';
import { HiddenValues } from './hidden-values.ts';

const NONE: ReadonlyMap<string, string> = new Map();

export class SecretFields {
  readonly #values: ReadonlyMap<string, string>;
  readonly #hidden: HiddenValues;

  /** @param values by name, in lower case */
  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
    this.#hidden = new HiddenValues(values.values());
  }

  get size(): number {
    return this.#values.size;
  }

  /** @param name in lower case */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /**
   * A peer in plaintext is the one that the configuration or the person names, as nothing more can be known of it. Over TLS it must have
   * been verified.
   * @param tls of the connection by which they are sent. Undefined means plaintext
   * @returns the values by name, or a sentence why this peer gets none
   */
  for(tls: TlsFacts | undefined): ReadonlyMap<string, string> | string {
    if (this.size === 0) return NONE;
    if (tls?.unverified === undefined) return this.#values;
    return `${tls.unverified}, so --header is not sent to it`;
  }

  /** All values, for the process that makes the checks of this one. */
  entries(): readonly (readonly [name: string, value: string])[] {
    return [...this.#values];
  }

  /**
   * A text that is cut must pass before: what is left of a value may be too little to be recognised.
   * @returns the text of a peer without the values, which it may have repeated
   */
  hide(text: string): string {
    return this.#hidden.hide(text);
  }
}

/** For calls without credentials. */
export const NO_SECRET_FIELDS: SecretFields = new SecretFields(NONE);

/** The code of the failure for a peer that has not shown who it is, so that nothing was sent to it. */
export const PEER_NOT_VERIFIED = 'peer_not_verified';
