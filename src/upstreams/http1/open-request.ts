// The request to the service, on Node's HTTP client: the one place that makes it.

import type { ClientRequest } from 'node:http';
import type { Http1Endpoint } from './http1-endpoint.ts';
import type { OutgoingHead } from './request-fields.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { request: httpRequest } = process.getBuiltinModule('node:http');

/**
 * What the parser reads of a response's head, as it was sent, for each byte of the limit. It is larger than the limit, as that
 * counts what is passed on, and smaller heads are judged by that count.
 */
const BYTES_AS_SENT = 2;

/** Undefined where HTTP/1.1 cannot say it. */
export function openRequest(
  head: OutgoingHead,
  callFields: readonly string[],
  { agent, limits }: Http1Endpoint,
): ClientRequest | undefined {
  const { method, target: path, fields } = head;
  // Node writes methods in capitals, and they are compared with case (RFC 9110 section 9.1).
  if (method !== method.toUpperCase()) return undefined;
  const headers = callFields.length === 0 ? fields : [...fields, ...callFields];
  const maxHeaderSize = limits.headerListBytes * BYTES_AS_SENT;
  try {
    // Whatever NODE_OPTIONS say, services are read by the rules.
    const request = httpRequest({ agent, method, path, headers, maxHeaderSize, insecureHTTPParser: false });
    // Beyond a maximum Node drops fields without a word.
    request.maxHeadersCount = 0;
    // An error that nobody hears ends the process.
    request.on('error', ignore);
    return request;
  } catch {
    return undefined;
  }
}

function ignore(): void {
  // The attempt hears it too, unless it is over.
}
