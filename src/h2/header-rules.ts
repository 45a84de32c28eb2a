// Which header lists HTTP/2 allows (RFC 9113 section 8). A list that breaks a rule is malformed, which is a stream error of type
// PROTOCOL_ERROR. Nothing is dropped silently. There are two corrections: white space at the ends of values is removed, see
// checkFields, and equal content-lengths become one. The layer above checks the host, since it can explain what is wrong with it.

import { ErrorCode } from './error-codes.ts';
import { StreamError } from './errors.ts';
import { CONNECTION_SPECIFIC, isAsciiValue, isFieldName, isFieldValue, isWhiteSpace } from './field-bytes.ts';
import type { HeaderList } from './hpack/header-list.ts';

/** The kinds of checked list. HeaderList.obeys holds one of these, so that a list that comes again is not checked again. */
export const HeaderRules = {
  NONE: 0,
  REQUEST: 1,
  RESPONSE: 2,
  TRAILERS: 3,
  REQUEST_BEYOND_ASCII: 4,
} as const;

/** Whether the list is a checked request with values that contain bytes above 0x7f. */
export function isBeyondAscii(list: HeaderList): boolean {
  return list.obeys === HeaderRules.REQUEST_BEYOND_ASCII;
}

export function isCheckedRequest(list: HeaderList): boolean {
  return list.obeys === HeaderRules.REQUEST || isBeyondAscii(list);
}

const REQUEST_PSEUDO = new Set([':method', ':scheme', ':authority', ':path']);
const EXTENDED_CONNECT_PSEUDO = new Set([...REQUEST_PSEUDO, ':protocol']);
const RESPONSE_PSEUDO = new Set([':status']);
const NO_PSEUDO = new Set<string>();

/**
 * @param extendedConnect whether our SETTINGS have allowed extended CONNECT (RFC 8441 section 3)
 * @throws StreamError when the list is not a well-formed request (section 8.3.1)
 */
export function checkRequest(list: HeaderList, streamId: number, extendedConnect = false): void {
  if (isCheckedRequest(list) || isKnownRequest(list)) return;
  const isAscii = checkFields(list, streamId, extendedConnect ? EXTENDED_CONNECT_PSEUDO : REQUEST_PSEUDO);
  const method = list.get(':method');
  const scheme = list.get(':scheme');
  const path = list.get(':path');
  const authority = list.get(':authority');
  if (method === undefined || method === '')
    throw malformed(streamId, 'request_method_missing', ':method is missing');
  const protocol = extendedConnect ? list.get(':protocol') : undefined;
  if (protocol !== undefined) checkProtocol(protocol, method, authority, streamId);
  if (method === 'CONNECT' && protocol === undefined) {
    if (scheme !== undefined || path !== undefined) {
      throw malformed(streamId, 'request_connect_pseudo', 'CONNECT with :scheme or :path');
    }
    if (authority === undefined || authority === '') {
      throw malformed(streamId, 'request_authority_missing', 'CONNECT without :authority');
    }
  } else {
    if (scheme === undefined || scheme === '')
      throw malformed(streamId, 'request_scheme_missing', ':scheme is missing');
    if (!isScheme(scheme)) throw malformed(streamId, 'request_scheme_invalid', ':scheme is no scheme');
    if (path === undefined || path === '')
      throw malformed(streamId, 'request_path_missing', ':path is missing');
    if (!isRequestTarget(path, method))
      throw malformed(streamId, 'request_path_invalid', ':path is no request target');
  }
  if (!isToken(method)) throw malformed(streamId, 'request_method_invalid', ':method is no token');
  list.obeys = isAscii ? HeaderRules.REQUEST : HeaderRules.REQUEST_BEYOND_ASCII;
}

/** Whether the check of another list covers this one: the other fields are literals, which are checked when they are read. */
function isKnownRequest(list: HeaderList): boolean {
  const { model } = list;
  if (model === undefined) return false;
  list.model = undefined;
  if (model.obeys !== HeaderRules.REQUEST || model.isAltered || !model.hasOneHostAndType) return false;
  for (let index = list.sharedLength; index < list.length; index++) if (!list.isLiteral(index)) return false;
  // The model may have had a content-length behind the fields that both share.
  for (let index = list.sharedLength; index < model.length; index++)
    if (model.names[index] === 'content-length') return false;
  list.obeys = HeaderRules.REQUEST;
  list.contentLength = model.contentLength;
  // No literal has either of these names.
  list.hasOneHostAndType = true;
  return true;
}

/** Checks an extended CONNECT, which has all the pseudo-header fields of other requests (RFC 8441 section 4). */
function checkProtocol(
  protocol: string,
  method: string,
  authority: string | undefined,
  streamId: number,
): void {
  if (method !== 'CONNECT')
    throw malformed(streamId, 'request_protocol_unexpected', ':protocol without CONNECT');
  if (!isToken(protocol)) throw malformed(streamId, 'request_protocol_invalid', ':protocol is no token');
  if (authority === undefined || authority === '')
    throw malformed(streamId, 'request_authority_missing', 'CONNECT without :authority');
}

/** @throws StreamError when the list is not a well-formed response, final or interim (section 8.3.2) */
export function checkResponse(list: HeaderList, streamId: number): void {
  if (list.obeys === HeaderRules.RESPONSE) return;
  checkFields(list, streamId, RESPONSE_PSEUDO);
  const status = list.get(':status');
  if (status === undefined) throw malformed(streamId, 'response_status_missing', ':status is missing');
  if (!/^[1-5][0-9][0-9]$/.test(status) || status === '101') {
    throw malformed(streamId, 'response_status_invalid', `:status is no status code of HTTP/2`);
  }
  list.obeys = HeaderRules.RESPONSE;
}

/** @throws StreamError when the list may not be a trailer section (section 8.1) */
export function checkTrailers(list: HeaderList, streamId: number): void {
  if (list.obeys === HeaderRules.TRAILERS) return;
  checkFields(list, streamId, NO_PSEUDO);
  list.obeys = HeaderRules.TRAILERS;
}

/** @returns whether all values are ASCII */
function checkFields(list: HeaderList, streamId: number, pseudoFields: ReadonlySet<string>): boolean {
  // Nobody needs the model any more. A list that is kept, for a block that comes again, would keep it in memory.
  list.model = undefined;
  const { names } = list;
  let regularSeen = false;
  let contentLength = -1;
  let isAscii = true;
  let contentTypes = 0;
  let hasHost = false;
  for (let index = 0; index < names.length; index++) {
    if (list.isLiteral(index)) {
      regularSeen = true;
      continue;
    }
    const name = names[index];
    let value = list.valueAt(index);
    if (name.charCodeAt(0) === COLON) {
      if (regularSeen)
        throw malformed(streamId, 'pseudo_after_regular', 'a pseudo-header field after a regular field');
      if (!pseudoFields.has(name))
        throw malformed(streamId, 'pseudo_unexpected', 'an unexpected pseudo-header field');
      if (names.indexOf(name) !== index) throw malformed(streamId, 'pseudo_repeated', `${name} is repeated`);
    } else {
      regularSeen = true;
      if (name === 'content-type') contentTypes++;
      else if (name === 'host') hasHost = true;
      // gRPC servers and clients send spaces at the ends of messages and metadata, and gRPC allows stripping them. Forwarded as
      // they are, such values would be malformed (section 8.2.1); a refusal would hide the status of a call. The list may still
      // be changed here: it is checked right after it was decoded, before anyone else sees it.
      if (isPadded(value)) {
        value = stripped(value);
        list.setValue(index, value);
      }
      if (!isFieldName(name))
        throw malformed(streamId, 'field_name_invalid', 'a field name with an invalid character');
      if (CONNECTION_SPECIFIC.has(name)) {
        throw malformed(streamId, 'field_connection_specific', `the connection-specific field ${name}`);
      }
      if (name === 'te' && value !== 'trailers') {
        throw malformed(streamId, 'field_te', 'te with another value than trailers');
      }
      if (name === 'content-length') {
        const isRepeated = contentLength !== -1;
        contentLength = parseContentLength(value, contentLength, streamId);
        // RFC 9110 section 8.6 allows a recipient to merge them, but many servers refuse a repeated content-length.
        if (isRepeated) {
          list.remove(index--);
          continue;
        }
        value = String(contentLength);
        list.setValue(index, value);
      }
    }
    if (isAsciiValue(value)) continue;
    if (!isFieldValue(value))
      throw malformed(streamId, 'field_value_invalid', `${name} has an invalid value`);
    isAscii = false;
  }
  list.contentLength = contentLength;
  list.hasOneHostAndType = !hasHost && contentTypes <= 1;
  return isAscii;
}

/** Parses a decimal number. Repeated fields and the members of a list must agree (RFC 9110 section 8.6). */
function parseContentLength(value: string, previous: number, streamId: number): number {
  let length = previous;
  for (const member of value.split(',')) {
    const number = /^[\t ]*[0-9]{1,15}[\t ]*$/.test(member) ? Number(member) : -1;
    if (number === -1 || (length !== -1 && length !== number)) {
      throw malformed(streamId, 'content_length_invalid', 'content-length is no single decimal number');
    }
    length = number;
  }
  return length;
}

function isPadded(value: string): boolean {
  return isWhiteSpace(value.charCodeAt(0)) || isWhiteSpace(value.charCodeAt(value.length - 1));
}

function stripped(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isWhiteSpace(value.charCodeAt(start))) start++;
  while (end > start && isWhiteSpace(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

/** Whether the path is in origin-form without a fragment, or `*` for OPTIONS (RFC 9113 section 8.3.1). */
function isRequestTarget(path: string, method: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return path === '*' && method === 'OPTIONS';
  for (let index = 0; index < path.length; index++) {
    const byte = path.charCodeAt(index);
    if (byte <= SPACE || byte === DELETE || byte === NUMBER_SIGN) return false;
  }
  return true;
}

function isScheme(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*$/.test(text);
}

function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

function malformed(streamId: number, token: string, message: string): StreamError {
  return new StreamError(streamId, ErrorCode.PROTOCOL_ERROR, token, `malformed: ${message}`);
}

const SPACE = 0x20;
const NUMBER_SIGN = 0x23;
const SLASH = 0x2f;
const COLON = 0x3a;
const DELETE = 0x7f;
