// Recognises what an endpoint answered instead of HTTP/2 by its first bytes, and words the diagnosis.
// The functions are pure; nine bytes, the length of a frame header, are always enough.

import { type ConnectDetails, describeWait } from './connect-details.ts';
import type { Diagnosis } from './diagnosis.ts';

export type UpstreamFirstBytes =
  /** A SETTINGS frame on stream 0 that is not an acknowledgement: the server connection preface (RFC 9113 section 3.4). */
  | 'http2-settings'
  | 'http1'
  /** A TLS alert or handshake record. */
  | 'tls'
  | 'unknown'
  | 'need-more';

const FRAME_HEADER_BYTES = 9;
const SETTINGS = 0x4;
const ACK = 0x1;
const HTTP1 = Buffer.from('HTTP/', 'latin1');
const TLS_ALERT_RECORD = 0x15;
const TLS_HANDSHAKE_RECORD = 0x16;

export function classifyUpstreamFirstBytes(bytes: Buffer): UpstreamFirstBytes {
  if (bytes.length === 0) return 'need-more';
  switch (bytes[0]) {
    // The first byte of a SETTINGS frame's length is 0, because a peer may not send 64 KiB before we allow larger frames.
    case 0:
      return classifyFrameHeader(bytes);
    case HTTP1[0]: {
      const length = Math.min(bytes.length, HTTP1.length);
      if (bytes.compare(HTTP1, 0, length, 0, length) !== 0) return 'unknown';
      return length === HTTP1.length ? 'http1' : 'need-more';
    }
    case TLS_ALERT_RECORD:
    case TLS_HANDSHAKE_RECORD:
      if (bytes.length === 1) return 'need-more';
      return bytes[1] === 3 ? 'tls' : 'unknown';
    // Python's http.server answers an unknown request line with a bare HTML page, as in HTTP/0.9.
    case LESS_THAN:
      return 'http1';
    default:
      return 'unknown';
  }
}

const LESS_THAN = 0x3c;

function classifyFrameHeader(bytes: Buffer): UpstreamFirstBytes {
  if (bytes.length < FRAME_HEADER_BYTES) return 'need-more';
  const isSettings = bytes[3] === SETTINGS && (bytes[4] & ACK) === 0;
  return isSettings && (bytes.readUInt32BE(5) & 0x7fffffff) === 0 ? 'http2-settings' : 'unknown';
}

/** @param endpoint the address as configured */
export function diagnoseUpstreamAnswer(
  kind: UpstreamFirstBytes,
  endpoint: string,
  details: ConnectDetails = {},
): Diagnosis {
  return { token: TOKENS[kind], sentence: `${endpoint} ${PREDICATES[kind](details)}` };
}

const TOKENS: Readonly<Record<UpstreamFirstBytes, string>> = {
  'http2-settings': 'upstream_http2',
  http1: 'upstream_not_http2_http1',
  tls: 'upstream_not_http2_tls',
  unknown: 'upstream_not_http2_unknown',
  'need-more': 'upstream_no_settings',
};

const PREDICATES: Readonly<Record<UpstreamFirstBytes, (details: ConnectDetails) => string>> = {
  'http2-settings': () => 'answered HTTP/2.',
  http1: ({ isTls }) =>
    `answered HTTP/1.1, not ${isTls === true ? 'HTTP/2' : 'h2c (plaintext HTTP/2)'}: is this the port of the gRPC service, or of a web server beside it? A web service needs protocol: http1.`,
  tls: () =>
    'expects TLS: set protocol: h2 on the upstream, or let the service listen on a plaintext (insecure) port.',
  unknown: () => 'answered neither HTTP/2 nor HTTP/1.1; is this the port of the gRPC service?',
  'need-more': ({ timeoutMs, hasWorked }) =>
    `accepted the connection but sent no SETTINGS ${describeWait(timeoutMs)}${
      hasWorked === true
        ? ', though it has worked before: does the service hang, or is it overloaded?'
        : ': is this the port of a gRPC service, and does the service still respond?'
    }`,
};
