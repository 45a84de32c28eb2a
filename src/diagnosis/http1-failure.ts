// Explains what an endpoint of an HTTP/1.1 upstream did wrong after it was connected: it does not speak HTTP/1.1, its response
// is invalid, or the response is incomplete. The function is pure and total: every other code is a failure to connect.

import { type ConnectDetails, describeReason } from './connect-details.ts';
import { diagnoseConnectFailure } from './connect-failure.ts';
import type { Diagnosis } from './diagnosis.ts';

/**
 * @param code the code of a socket's error or of the parser's. When the connection closed, the caller must pass what that interrupted: 'died'
 * (there was no response), 'cut_short' (a response) or 'closed_idle' (no response, on a connection that had served another request). This
 * is also for a reset after the request was sent: the code alone looks like a failure to connect.
 */
export function diagnoseHttp1Failure(
  code: string | undefined,
  endpoint: string,
  details: ConnectDetails = {},
): Diagnosis {
  switch (code) {
    case 'cut_short':
      return {
        token: 'upstream_died',
        sentence: `${endpoint} closed the connection in the middle of its response; has the service crashed, or has it a limit of its own (time, size, memory)?`,
      };
    case 'closed_idle':
      return {
        token: 'upstream_died',
        sentence: `${endpoint} closed a connection that it had kept open, as a request came that may not be sent twice; let it keep idle connections for longer.`,
      };
    case 'died':
      return {
        token: 'upstream_died',
        sentence: `${endpoint} closed the connection before its response began; has the service crashed, or does it expect TLS (tls on the upstream)?`,
      };
    // llhttp reports this if a response does not begin with 'HTTP/'.
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

/** @param what what the service did, as the part of the sentence that follows its address */
export function invalidHttp1Response(what: string, endpoint: string): Diagnosis {
  return { token: 'upstream_response_invalid', sentence: `${endpoint} ${what}; correct the service.` };
}
