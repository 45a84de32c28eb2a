// Converts an HTTP/1.1 request to the header list that HTTP/2 would have for it, or says why the request may not be forwarded. Node's
// parser has refused malformed requests. The rules here refuse requests that can be parsed but are ambiguous (RFC 9112).

import type { LimitsConfig } from '../config/config.ts';
import { OF_ONE_CONNECTION } from '../h2/field-bytes.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import { normalAuthority } from '../routing/authority.ts';
import type { Framing } from '../upstreams/http1/request-fields.ts';

/** The needed part of an IncomingMessage. */
export interface ParsedRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
}

export type HeaderLimits = Pick<LimitsConfig, 'headerFields' | 'headerListBytes'>;

export interface InvalidRequest {
  readonly isValid: false;
  readonly httpStatus: number;
  readonly why: string;
}

export type ReadRequest =
  | {
      readonly isValid: true;
      readonly list: HeaderList;
      readonly framing: Framing;
      /** The client waits for 100 before it sends the body, for a while (RFC 9110 section 10.1.1). Only then, `expect` is in the list. */
      readonly expectsContinue: boolean;
    }
  | InvalidRequest;

/** Fields that are removed, like the fields that Connection names. `expect` is added again if it has a meaning. */
const LEFT_OUT: ReadonlySet<string> = new Set([...OF_ONE_CONNECTION, 'expect']);

/** Fields that stay even if Connection names them: without them, the request could be routed, framed or understood differently. */
const NEVER_NAMED = new Set(['host', 'content-length', 'transfer-encoding', 'content-type', 'cookie']);

export function readHttp1Request(request: ParsedRequest, limits: HeaderLimits, tls: string): ReadRequest {
  const { httpVersion, rawHeaders } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return invalid(505, 'its version is not HTTP/1.1');
  const fields = new FieldScan(rawHeaders);
  const framing = framingOf(fields, httpVersion);
  if (typeof framing !== 'string') return framing;
  const target = parseTarget(request.url ?? '', request.method ?? '');
  if (target === undefined)
    return invalid(400, 'its target is neither a path nor an http:// or https:// URI');
  const why = whyHostIsInvalid(fields.hosts, httpVersion, target.authority);
  if (why !== undefined) return invalid(400, why);
  const authority = normalAuthority(target.authority ?? fields.hosts.at(0) ?? '') ?? '';
  // HTTP/1.0 has no expectations, and without a body an expectation has no meaning.
  const mayExpect = httpVersion === '1.1' && framing !== 'none';
  if (httpVersion === '1.1' && fields.expectations.some(isUnknownExpectation)) {
    return invalid(417, 'it expects something else than "100-continue"');
  }
  const list = new HeaderList();
  list.add(':method', request.method ?? '');
  list.add(':scheme', tls === '' ? 'http' : 'https');
  list.add(':path', target.path);
  list.add(':authority', authority);
  const expectsContinue = mayExpect && fields.expectations.length > 0;
  addFields(list, rawHeaders, fields.named, limits);
  if (expectsContinue && list.overflowedAt === undefined) list.add('expect', '100-continue');
  return { isValid: true, list, framing, expectsContinue };
}

/** The fields that determine the framing and the host of a request, found in one pass. */
class FieldScan {
  readonly hosts: string[] = [];
  readonly transferEncodings: string[] = [];
  readonly expectations: string[] = [];
  contentLength: string | undefined = undefined;
  /** The names that Connection lists, in lower case. Undefined without a Connection field. */
  named: ReadonlySet<string> | undefined = undefined;

  constructor(raw: readonly string[]) {
    let named: Set<string> | undefined;
    for (let index = 0; index < raw.length; index += 2) {
      const value = raw[index + 1];
      switch (raw[index].toLowerCase()) {
        case 'host':
          this.hosts.push(value);
          break;
        case 'transfer-encoding':
          this.transferEncodings.push(value);
          break;
        case 'content-length':
          this.contentLength = value;
          break;
        case 'connection':
          named ??= new Set();
          for (const option of value.toLowerCase().split(',')) named.add(option.trim());
          break;
        case 'expect':
          for (const expectation of value.toLowerCase().split(',')) {
            if (expectation.trim() !== '') this.expectations.push(expectation.trim());
          }
          break;
        default:
      }
    }
    this.named = named;
  }
}

function isUnknownExpectation(expectation: string): boolean {
  return expectation !== '100-continue';
}

/** RFC 9112 section 3.2. @param target the authority of a target in absolute form, which takes precedence over Host (section 3.2.2) */
function whyHostIsInvalid(
  hosts: readonly string[],
  httpVersion: string,
  target: string | undefined,
): string | undefined {
  if (hosts.length > 1) return 'it has more than one Host field';
  if (hosts.length === 0 && httpVersion === '1.1') {
    return 'it has no Host field, which HTTP/1.1 requires; name the host that is called';
  }
  const [host] = hosts;
  if (host === '' && httpVersion === '1.1' && target === undefined)
    return 'its Host is empty; name the host that is called';
  const isValid = [target, host].every((text) => !text || normalAuthority(text) !== undefined);
  return isValid ? undefined : 'its Host is not a host with or without a port';
}

function framingOf(fields: FieldScan, httpVersion: string): Framing | InvalidRequest {
  const { transferEncodings, contentLength } = fields;
  if (transferEncodings.length === 0) {
    return contentLength === undefined || /^0+$/.test(contentLength) ? 'none' : 'length';
  }
  if (httpVersion === '1.0') return invalid(400, 'it has Transfer-Encoding in HTTP/1.0');
  if (contentLength !== undefined) return invalid(400, 'it has both Content-Length and Transfer-Encoding');
  const [coding] = transferEncodings;
  if (transferEncodings.length > 1 || coding.toLowerCase() !== 'chunked') {
    return invalid(501, 'its Transfer-Encoding is another than "chunked"');
  }
  return 'chunked';
}

interface Target {
  readonly path: string;
  /** The authority of a target in absolute form, which takes precedence over Host (RFC 9112 section 3.2.2). */
  readonly authority: string | undefined;
}

function parseTarget(target: string, method: string): Target | undefined {
  if (target === '*') return method === 'OPTIONS' ? { path: '*', authority: undefined } : undefined;
  if (!isVisible(target)) return undefined;
  if (target.startsWith('/')) return { path: target, authority: undefined };
  const absolute = /^https?:\/\/([^/?]+)(.*)$/is.exec(target);
  if (absolute === null) return undefined;
  const [, authority, rest] = absolute;
  // Without a path, the request is about the whole server, like a target of '*' (RFC 9112 section 3.2.4).
  if (rest === '' && method === 'OPTIONS') return { path: '*', authority };
  return { path: rest.startsWith('/') ? rest : `/${rest}`, authority };
}

/** Whether the target has no white space, no control characters and no fragment. */
function isVisible(target: string): boolean {
  for (let index = 0; index < target.length; index++) {
    const byte = target.charCodeAt(index);
    if (byte <= SPACE || byte === DELETE || byte === NUMBER_SIGN) return false;
  }
  return true;
}

function addFields(
  list: HeaderList,
  raw: readonly string[],
  named: ReadonlySet<string> | undefined,
  limits: HeaderLimits,
): void {
  let count = list.length;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    const value = raw[index + 1];
    if (name === 'host') continue;
    // Fields that are removed count too, because they also cost time.
    if (++count > limits.headerFields) {
      list.overflowedAt = name;
      return;
    }
    if (LEFT_OUT.has(name)) continue;
    if (name === 'te') {
      // Only `trailers` can be forwarded, as in HTTP/2 (RFC 9113 section 8.2.2).
      if (value.toLowerCase().split(',').map(trim).includes('trailers')) list.add('te', 'trailers');
      continue;
    }
    if (named?.has(name) === true && !NEVER_NAMED.has(name)) continue;
    list.add(name, value);
    if (list.sizeBytes > limits.headerListBytes) {
      list.overflowedAt = name;
      return;
    }
  }
}

function invalid(httpStatus: number, why: string): InvalidRequest {
  return { isValid: false, httpStatus, why };
}

function trim(text: string): string {
  return text.trim();
}

const SPACE = 0x20;
const NUMBER_SIGN = 0x23;
const DELETE = 0x7f;
