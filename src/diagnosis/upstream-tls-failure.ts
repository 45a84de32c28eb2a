// Explains why a TLS handshake with an endpoint failed: turns the code of Node's error into a token and a sentence with a remedy.
// The function is pure and returns undefined for a code that has nothing to do with TLS.

import { type ConnectDetails, describeReason } from './connect-details.ts';
import type { Diagnosis } from './diagnosis.ts';

/** @param code the code of Node's error, or 'no_h2_alpn' if the handshake succeeded but the endpoint did not choose "h2" */
export function diagnoseUpstreamTlsFailure(
  code: string | undefined,
  endpoint: string,
  { reason }: ConnectDetails = {},
): Diagnosis | undefined {
  switch (code) {
    // The answer is not a TLS record but plaintext: HTTP or anything else.
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_BAD_RECORD_TYPE':
    case 'ERR_SSL_RECORD_TOO_SMALL':
      return {
        token: 'upstream_not_tls',
        sentence: `${endpoint} does not speak TLS: set protocol: h2c on the upstream (http1 without tls for a web service), or switch TLS on in the service.`,
      };
    case 'no_h2_alpn':
    case 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL':
      return {
        token: 'upstream_no_h2_alpn',
        sentence: `${endpoint} speaks TLS but did not choose "h2" by ALPN: is this the port of the gRPC service, or of a web server (protocol: http1 with tls)?`,
      };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return {
        token: 'upstream_certificate_name_mismatch',
        sentence: `The certificate of ${endpoint} is for another name; set tls.serverName of the upstream to a name in it, or give the service a certificate with this one.`,
      };
    default:
      return diagnoseCertificate(code, endpoint) ?? diagnoseHandshake(code, endpoint, reason);
  }
}

/** Maps Node's codes for certificate errors, which are OpenSSL's X509_V_ERR_ constants, to what is wrong and what to do. */
const UNTRUSTED: ReadonlyMap<string, string> = new Map([
  ...[
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_UNTRUSTED',
  ].map((code) => [code, 'its issuer is unknown: name its authority in tls.ca of the upstream'] as const),
  ['CERT_HAS_EXPIRED', 'it has expired: renew it, and let the service load it'],
  ['CERT_NOT_YET_VALID', 'it is not valid yet: are the clocks of both machines right?'],
  ['CERT_REVOKED', 'it has been revoked: give the service a new one'],
  ...[
    'CERT_SIGNATURE_FAILURE',
    'CERT_CHAIN_TOO_LONG',
    'CERT_REJECTED',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
    'ERROR_IN_CERT_NOT_BEFORE_FIELD',
    'ERROR_IN_CERT_NOT_AFTER_FIELD',
    'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
    'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  ].map((code) => [code, `it or its chain is not valid (${code}): give the service a correct one`] as const),
]);

function diagnoseCertificate(code: string | undefined, endpoint: string): Diagnosis | undefined {
  const why = UNTRUSTED.get(code ?? '');
  if (why === undefined) return undefined;
  return {
    token: 'upstream_certificate_not_trusted',
    sentence: `The certificate of ${endpoint} is not trusted; ${why}.`,
  };
}

function diagnoseHandshake(
  code: string | undefined,
  endpoint: string,
  reason: string | undefined,
): Diagnosis | undefined {
  if (code === undefined || !/^ERR_(?:SSL|TLS)_/.test(code)) return undefined;
  return {
    token: 'upstream_tls_failed',
    sentence: `The TLS handshake with ${endpoint} failed${describeReason(reason ?? code)}; does the service accept TLS 1.2 or 1.3, and does it ask for a certificate (tls.cert and tls.key of the upstream)?`,
  };
}
