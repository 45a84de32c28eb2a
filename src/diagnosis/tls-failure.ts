// Explains why a TLS handshake with a client failed: turns the code of Node's error into a token of the refusal catalogue.
// The function is pure and total: an unforeseen code gives tls_handshake_failed.

import type { RefusalToken } from './refusal.ts';

/** @param code Node's name of OpenSSL's reason, ERR_SSL_<REASON>; alerts that the client sent are among them (…_ALERT_…) */
export function tlsFailureToken(code: string | undefined): RefusalToken {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING':
      return 'tls_handshake_abandoned';
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return 'tls_handshake_timeout';
    case 'ERR_SSL_HTTP_REQUEST':
    case 'ERR_SSL_HTTPS_PROXY_REQUEST':
      return 'http1_on_tls_port';
    // The bytes are not a TLS record but plaintext: 'PRI * HTTP/2.0', a PROXY header or anything else.
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_BAD_RECORD_TYPE':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_RECORD_TOO_SMALL':
      return 'plaintext_on_tls_port';
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_VERSION_TOO_LOW':
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
      return 'tls_version_unsupported';
    case 'ERR_SSL_NO_SHARED_CIPHER':
    case 'ERR_SSL_NO_SHARED_GROUPS':
    case 'ERR_SSL_NO_SUITABLE_KEY_SHARE':
      return 'tls_no_shared_cipher';
    case 'ERR_SSL_NO_APPLICATION_PROTOCOL':
      return 'tls_no_shared_alpn';
    case 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA':
    case 'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE':
    case 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN':
    case 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED':
    case 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE':
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN':
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED':
      return 'tls_certificate_not_trusted';
    default:
      return 'tls_handshake_failed';
  }
}
