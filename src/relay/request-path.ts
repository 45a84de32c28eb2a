// Decides whether the target of a request can be sent to any service. A service resets the stream of a target that it refuses. Some services
// count these resets and close the connection, which carries calls of other clients too. So the proxy refuses every target that any known service refuses.

import { isUtf8 } from '../calls/utf8.ts';

/** Matches nearly all targets. None of its characters can make a service refuse a target. */
const PLAIN = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/]*$/;
/** The last target that matched PLAIN: consecutive calls often have the same path. */
let lastPlain = '/';
/** hyper refuses these in a path. It accepts quotation marks and braces, although they must be encoded too (RFC 3986 section 3.3). */
const REFUSED_IN_PATH = /[<>`]/;
const REFUSED_IN_QUERY = /["<>]/;
/** Go refuses malformed escapes, Kestrel and nginx refuse an encoded NUL. */
const MALFORMED_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const ESCAPED_NUL = /%00/;
const BEYOND_ASCII = /[\x80-\xff]/;

/** @returns what is wrong, as a phrase that continues a sentence after the path, or undefined if nothing is wrong */
export function faultOfPath(target: string): string | undefined {
  if (target === lastPlain || PLAIN.test(target)) {
    lastPlain = target;
    return undefined;
  }
  const queryAt = target.indexOf('?');
  const path = queryAt === -1 ? target : target.slice(0, queryAt);
  const query = queryAt === -1 ? '' : target.slice(queryAt);
  if (REFUSED_IN_PATH.test(path) || REFUSED_IN_QUERY.test(query))
    return 'holds characters that must be percent-encoded';
  if (MALFORMED_ESCAPE.test(path))
    return 'holds a percent sign that is not followed by two hexadecimal digits';
  if (ESCAPED_NUL.test(path)) return 'holds an encoded NUL (%00)';
  if (BEYOND_ASCII.test(target) && !isUtf8(target)) return 'holds bytes that are no UTF-8';
  return undefined;
}
