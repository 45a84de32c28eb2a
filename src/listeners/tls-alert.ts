// TLS alerts for clients that are refused before there are keys: one plaintext record, so that the client reports a TLS error at
// once instead of "wrong version number", a reset or a hang.

/**
 * A fatal protocol_version alert (RFC 8446 section 6.2), because no version of TLS is spoken here. handshake_failure would make
 * people check cipher suites and certificates.
 */
export const TLS_ALERT_PROTOCOL_VERSION = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);

/** A fatal unrecognized_name alert (RFC 6066 section 3). Node offers no way to let OpenSSL send it. */
export const TLS_ALERT_UNRECOGNIZED_NAME = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70]);
