// Which fields of a client's trailer section are forwarded? Services may merge trailers with the header fields, so a trailer must not
// carry anything that a header field may not.

import { isForbiddenTrailer } from '../h2/trailer-rules.ts';
import { isClaimAboutClient } from './client-claims.ts';
import { hyphenated } from './field-spelling.ts';

/** Fields that only make sense before the messages of a call. */
const CALL_FIELDS: ReadonlySet<string> = new Set(['grpc-timeout', 'grpc-encoding']);

/**
 * Whether a trailer of this name is removed, in HTTP/1.1 and HTTP/2 alike. Also for names in other spellings, see field-spelling.ts: a
 * service that merges trailers would take content_length for the length of the body.
 * @param name in lower case
 */
export function isNoTrailer(name: string): boolean {
  const written = hyphenated(name);
  return isForbiddenTrailer(written) || CALL_FIELDS.has(written) || isClaimAboutClient(name);
}
