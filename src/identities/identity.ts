// How one of the `identities` of the configuration finds out who a client is.

import type { Caller } from '../calls/caller.ts';
import type { AdmittedCall } from '../calls/policy.ts';
import type { KeySet } from './key-sets.ts';
import type { Limit, Verifications } from './verifications.ts';

/** Why a client's credentials are not accepted. The sentence is for the log; it never holds a part of the credentials. */
export interface Rejection {
  readonly token: 'credentials_invalid' | 'verification_limited' | 'keys_unavailable';
  readonly sentence: string;
  /** With `verification_limited`: which limit. */
  readonly limit?: Limit;
  /** What the client may be told in addition to that its credentials are not accepted. */
  readonly told?: string | undefined;
  /** The credentials may be meant for another identity. */
  readonly isOfAnother?: boolean;
}

/**
 * What is known at once: who the client is, why it is nobody, that its credentials have to be verified first ('later'), or undefined if
 * it has shown none for this identity.
 */
export type Look = Caller | Rejection | 'later' | undefined;

export type Verdict = Caller | Rejection;

export interface Identity {
  /** Its name in the configuration. */
  readonly name: string;
  /** What clients need, for their messages: 'a bearer token in authorization'. */
  readonly wanted: string;
  /** The value of `www-authenticate` for clients of plain HTTP. '' if nothing that a request holds would help. */
  readonly challenge: string;
  /** Where the keys or the list come from that it verifies with. Undefined if it needs none. */
  readonly source?: string | undefined;
  /** The header fields that it sends to the service, in lower case. */
  readonly adds: readonly string[];
  /** Asks nobody and waits for nothing. */
  look(call: AdmittedCall): Look;
  /**
   * For a client about which `look` has said undefined: a sentence for it and the log about what it has shown in place of credentials for
   * this identity. Holds no part of that. Undefined if it has shown nothing.
   */
  shownInstead(call: AdmittedCall): string | undefined;
  /**
   * Verifies the credentials of a call about which `look` has said 'later'.
   * @param done is called once, perhaps before this method returns
   * @returns stops waiting: `done` is not called any more
   */
  verify(call: AdmittedCall, done: (verdict: Verdict) => void): () => void;
}

export function isCaller(look: Look): look is Caller {
  return typeof look === 'object' && 'identity' in look;
}

export function isRejection(look: Look): look is Rejection {
  return typeof look === 'object' && 'token' in look;
}

/** What identities need of the process. */
export interface IdentityParts {
  readonly keys: KeySet;
  readonly verifications: Verifications;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Receives what nobody has foreseen. Must not throw. */
  readonly onFault: (error: unknown) => void;
}

const SENTENCES: Readonly<Record<Limit, string>> = {
  failures: 'too many credentials of this client were bad',
  client: 'too many credentials of this client are being verified',
  all: 'too many credentials of all clients are being verified',
};

/** For credentials that are not verified because of a limit. */
export function limited(limit: Limit): Rejection {
  return { token: 'verification_limited', limit, sentence: SENTENCES[limit] };
}

/** Whether the credentials were not judged: they may be good. */
export function isUnjudged({ token }: Rejection): boolean {
  return token !== 'credentials_invalid';
}
