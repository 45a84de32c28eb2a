// Decides whether and how an HTTP/1.1 response is passed on. The parser has already rejected what cannot be parsed. Here a
// response is rejected that parses, but cannot be translated exactly (RFC 9112). Nothing is guessed.

import { sizeOfFields } from '../../calls/http1-fields.ts';
import type { LimitsConfig } from '../../config/config.ts';
import type { ParsedHead } from '../../h1/response-parser.ts';
import { type IncomingFields, type ScannedFields, scanFields } from './response-fields.ts';

export type ResponseLimits = Pick<LimitsConfig, 'headerFields' | 'headerListBytes' | 'floods'>;

/** 'too_large', or what the service did, as the rest of a sentence that begins with its address. */
export interface InvalidResponse {
  readonly isValid: false;
  readonly what: 'too_large' | (string & {});
}

export interface ValidResponse {
  readonly isValid: true;
  readonly incoming: IncomingFields;
  /** Content would be a violation: the head, which has no length yet, must wait until the end shows that there is none. */
  readonly mustBeEmpty: boolean;
  /**
   * False when the head announces content that HTTP forbids to send. If the service sent it anyway, it would become the response
   * to the next request on the connection.
   */
  readonly isReusable: boolean;
}

export type ReadResponse = ValidResponse | InvalidResponse;

/** Fields for every recipient, not for one connection (RFC 9110 section 7.6.1). Without them the response would mean something else. */
const FOR_EVERYBODY: ReadonlySet<string> = new Set([
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-security-policy',
  'content-type',
  'date',
  'etag',
  'expires',
  'location',
  'set-cookie',
  'strict-transport-security',
  'vary',
  'www-authenticate',
]);

/** Reads the head of a final response. */
export function readHttp1Response(
  { httpVersion, httpStatus, rawFields }: Omit<ParsedHead, 'reasonPhrase'>,
  isHead: boolean,
  limits: ResponseLimits,
): ReadResponse {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return invalid(`answered in HTTP/${httpVersion}`);
  if (httpStatus < 200 || httpStatus > 599)
    return invalid('answered with an HTTP status below 100 or above 599');
  const scanned = scanFields(rawFields);
  const why = whyUnusable(scanned, httpVersion) ?? whyTooLarge(rawFields, scanned.sizeBytes, limits);
  if (why !== undefined) return invalid(why);
  const { fields, keepAliveSeconds } = scanned;
  const hasNoBody = isHead || httpStatus === 204 || httpStatus === 304;
  const isChunked = scanned.transferEncodings.length > 0;
  const length = isChunked || httpStatus === 204 ? undefined : scanned.contentLength;
  const isEmpty = !isChunked && isZero(scanned.contentLength ?? '0');
  if (httpStatus === 205 && !hasNoBody && !isChunked && !isEmpty) return invalid(CONTENT_BEHIND_205);
  const mustBeEmpty = httpStatus === 205 && !hasNoBody;
  // Content-Length comes last: after it, Node's server would write Content-Disposition in a different character set.
  if (length !== undefined && !mustBeEmpty) fields.push('Content-Length', length);
  return {
    isValid: true,
    incoming: { fields, keepAliveSeconds },
    mustBeEmpty,
    isReusable: !hasNoBody || isEmpty,
  };
}

export const SWITCHED_UNASKED = 'switched protocols (status 101) in a way that nobody had asked for';
export const ANSWERED_UNASKED = 'sent a response before it was asked for one';
export const CONTENT_BEHIND_205 = 'sent content behind status 205 (Reset Content), which has none';

/** @param count the number of interim responses to this request, including this one */
export function readInterim(
  count: number,
  rawFields: readonly string[],
  limits: ResponseLimits,
): { readonly isValid: true; readonly fields: readonly string[] } | InvalidResponse {
  const most = limits.floods.interimResponses;
  if (count > most)
    return invalid(`sent more than ${most} interim responses (limits.floods.interimResponses)`);
  const scanned = scanFields(rawFields);
  const why = whyTooLarge(rawFields, scanned.sizeBytes, limits);
  return why === undefined ? { isValid: true, fields: scanned.fields } : invalid(why);
}

/** Whether a trailer section is too large, counted as HTTP/2 counts a header list. */
export function areTooLarge(fields: readonly string[], limits: ResponseLimits): boolean {
  return whyTooLarge(fields, sizeOfFields(fields), limits) !== undefined;
}

function whyUnusable(
  { transferEncodings, named, contentLength }: ScannedFields,
  httpVersion: string,
): string | undefined {
  if (transferEncodings.length > 0) {
    if (httpVersion === '1.0') return 'answered with Transfer-Encoding in HTTP/1.0';
    if (transferEncodings.length > 1 || transferEncodings[0].toLowerCase() !== 'chunked')
      return 'answered in another Transfer-Encoding than "chunked"';
    if (contentLength !== undefined) return 'answered with both Content-Length and Transfer-Encoding';
  }
  const essential = named === undefined ? undefined : [...named].find((name) => FOR_EVERYBODY.has(name));
  if (essential !== undefined)
    return `named ${essential} in its Connection field, which is for every recipient`;
  return undefined;
}

/** @param fields names and values alternating, including those that are not passed on */
function whyTooLarge(
  fields: readonly string[],
  sizeBytes: number,
  limits: ResponseLimits,
): 'too_large' | undefined {
  return fields.length / 2 > limits.headerFields || sizeBytes > limits.headerListBytes
    ? 'too_large'
    : undefined;
}

function isZero(length: string): boolean {
  return /^0+$/.test(length);
}

function invalid(what: InvalidResponse['what']): InvalidResponse {
  return { isValid: false, what };
}
