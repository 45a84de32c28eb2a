// Which fields may not stand in a trailer section, of a request or of a response. A recipient may merge trailers with the
// header fields, and then a field that came behind everybody's checks would count as if it had been checked. Responses of gRPC
// lose less (relay/response-head.ts), since their trailing metadata may have any name.

import { OF_ONE_CONNECTION } from './field-octets.ts';

/**
 * RFC 9110 section 6.5.1, by its kinds: framing, routing, controls and conditions of a request, authentication, control of
 * a response, and how the content is to be processed. Those that belong to one connection stand here as well. Fields that a
 * specification allows in trailers (ETag, Accept-Ranges, Authentication-Info, Content-Digest, Server-Timing) do not.
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
