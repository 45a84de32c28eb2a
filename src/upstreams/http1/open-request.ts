// Creates the request to the service on Node's HTTP client; no other file does.

import type { ClientRequest } from 'node:http';
import type { Http1Endpoint } from './http1-endpoint.ts';
import type { OutgoingHead } from './request-fields.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { request: httpRequest } = process.getBuiltinModule('node:http');

/**
 * How many bytes of a response's head, as sent, the parser accepts for each byte of the limit. This is more than 1 because the
 * limit counts only what is passed on, and smaller heads are judged by that count.
 */
const BYTES_AS_SENT = 2;

/** Returns undefined when HTTP/1.1 cannot express the request. */
export function openRequest(
  head: OutgoingHead,
  callFields: readonly string[],
  { agent, limits }: Http1Endpoint,
): ClientRequest | undefined {
  const { method, target: path, fields } = head;
  // Node writes methods in capitals, but methods are case-sensitive (RFC 9110 section 9.1).
  if (method !== method.toUpperCase()) return undefined;
  const headers = callFields.length === 0 ? fields : [...fields, ...callFields];
  const maxHeaderSize = limits.headerListBytes * BYTES_AS_SENT;
  try {
    // Responses are parsed strictly, whatever NODE_OPTIONS says.
    const request = httpRequest({ agent, method, path, headers, maxHeaderSize, insecureHTTPParser: false });
    // Above a maximum, Node would silently drop fields.
    request.maxHeadersCount = 0;
    // An 'error' without a listener ends the process.
    request.on('error', ignore);
    return request;
  } catch {
    return undefined;
  }
}

function ignore(): void {
  // The attempt listens too, unless it is over.
}
