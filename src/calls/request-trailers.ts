// What of a client's trailer section is sent on. Services may merge it with the header fields, so that it must not claim more
// than they.

import { isForbiddenTrailer } from '../h2/trailer-rules.ts';
import { isClaimAboutClient } from './client-claims.ts';

/** Of use only before the messages of a call. */
const CALL_FIELDS: ReadonlySet<string> = new Set(['grpc-timeout', 'grpc-encoding']);

/** For trailer sections of either protocol; `name` in lower case. */
export function isNoTrailer(name: string): boolean {
  return isForbiddenTrailer(name) || CALL_FIELDS.has(name) || isClaimAboutClient(name);
}
