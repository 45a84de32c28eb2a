// Whether the target of a request can be sent to any service. One that a service refuses is a reset of its stream, and some
// count those and end the connection that carries the calls of others; so the rule is the sum of what each of them refuses.

import { isUtf8 } from './utf8.ts';

/** What nearly all requests have: nothing that needs a second look. */
const PLAIN = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/]*$/;
/** The last of those: calls whose metadata differ often have the same path. */
let lastPlain = '/';
/** hyper refuses them in a path, and takes quotation marks and braces, which must be encoded as well (RFC 3986 section 3.3). */
const REFUSED_IN_PATH = /[<>`]/;
const REFUSED_IN_QUERY = /["<>]/;
/** Go refuses the first, Kestrel and nginx the second. */
const MALFORMED_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const ESCAPED_NUL = /%00/;
const BEYOND_ASCII = /[\x80-\xff]/;

/** @returns what is wrong, to go on after the path; undefined where nothing is */
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
