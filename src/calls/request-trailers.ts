// Which fields of a client's trailer section are forwarded? Services may merge trailers with the header fields, so a trailer must not
// carry anything that a header field may not.

import { isForbiddenTrailer } from '../h2/trailer-rules.ts';
import { isClaimAboutClient } from './client-claims.ts';

/** Fields that only make sense before the messages of a call. */
const CALL_FIELDS: ReadonlySet<string> = new Set(['grpc-timeout', 'grpc-encoding']);

/** Whether a trailer of this name is removed, in HTTP/1.1 and HTTP/2 alike. @param name in lower case */
export function isNoTrailer(name: string): boolean {
  return isForbiddenTrailer(name) || CALL_FIELDS.has(name) || isClaimAboutClient(name);
}
