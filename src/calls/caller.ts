// Who a client has shown to be, by one of the `identities` of the configuration.

import type { AddedFields } from './added-fields.ts';

export interface Caller {
  /** The name of the identity in the configuration. */
  readonly identity: string;
  /** Who it is within that identity: `sub` of a token. '' if that is not known. */
  readonly subject: string;
  /** For the log: both of these, bounded, and without characters that are invisible or change how a line reads. */
  readonly text: string;
  /** Tells callers apart: identity and subject as they are. Of any length, with any character. */
  readonly key: string;
  /** The claims of a token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The header fields that the service is sent. */
  readonly fields: AddedFields;
  /** When the credentials expire, in milliseconds since the Unix epoch. Infinity if they do not. */
  readonly expiresAtMs: number;
}

/** @returns the key of a caller. Names of identities have no control characters, so no subject imitates another identity. */
export function callerKey(identity: string, subject: string): string {
  return `${identity}\n${subject}`;
}
