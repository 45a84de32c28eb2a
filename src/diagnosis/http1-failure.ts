// What an endpoint of an HTTP/1.1 upstream did wrong once it was connected: what answered is no HTTP/1.1, the response is
// invalid, or it never came to its end. Pure, and total: other codes are failures to connect.

import { type ConnectDetails, describeReason } from './connect-details.ts';
import { diagnoseConnectFailure } from './connect-failure.ts';
import type { Diagnosis } from './diagnosis.ts';

/**
 * `code` is that of an error of Node's HTTP client or parser, or 'died' (connected, and closed before the response was
 * whole). A reset after the request was sent is 'died' too; only whoever knows that the connection was there before can tell
 * it from a failure to connect.
 */
export function diagnoseHttp1Failure(
  code: string | undefined,
  endpoint: string,
  details: ConnectDetails = {},
): Diagnosis {
  switch (code) {
    case 'died':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return {
        token: 'upstream_died',
        sentence: `${endpoint} closed the connection before its response was whole; has the service crashed, or does it expect TLS (tls on the upstream)?`,
      };
    // llhttp, where 'HTTP/' has to stand.
    case 'HPE_INVALID_CONSTANT':
      return {
        token: 'upstream_not_http1',
        sentence: `${endpoint} answered something other than HTTP/1.1; a gRPC service needs protocol: h2c, and one that expects TLS needs tls on the upstream.`,
      };
    default:
      return code?.startsWith('HPE_') === true
        ? {
            token: 'upstream_response_invalid',
            sentence: `${endpoint} sent a malformed HTTP/1.1 response${describeReason(details.reason ?? code)}; correct the service.`,
          }
        : diagnoseConnectFailure(code, endpoint, details);
  }
}

/** @param what the service did, to go on behind its address */
export function invalidHttp1Response(what: string, endpoint: string): Diagnosis {
  return { token: 'upstream_response_invalid', sentence: `${endpoint} ${what}; correct the service.` };
}
