// Which fields are forbidden in the trailer section of a request or a response. A recipient may merge trailers into the header
// fields, and a field that arrived after all checks would then count as checked. For gRPC responses fewer fields are removed
// (relay/response-head.ts), since their trailing metadata may have any name.

import { OF_ONE_CONNECTION } from './field-bytes.ts';

/**
 * The kinds that RFC 9110 section 6.5.1 lists, in this order: framing and routing, request controls and conditionals,
 * authentication, response control, and how the content is to be processed. Fields of a single connection come first. Fields that
 * a specification allows in trailers (ETag, Accept-Ranges, Authentication-Info, Content-Digest, Server-Timing) are not in the
 * list.
 */
const FORBIDDEN: ReadonlySet<string> = new Set([
  ...OF_ONE_CONNECTION,
  'te',
  'trailer',
  'via',

  'content-length',
  'host',

  'cache-control',
  'expect',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'max-forwards',
  'pragma',
  'range',
  'x-http-method-override',

  'authorization',
  'cookie',
  'proxy-authenticate',
  'proxy-authorization',
  'set-cookie',
  'www-authenticate',

  'age',
  'date',
  'expires',
  'location',
  'retry-after',
  'vary',
  'warning',

  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'content-range',
  'content-type',
]);

/** @param name in lower case */
export function isForbiddenTrailer(name: string): boolean {
  return FORBIDDEN.has(name);
}
