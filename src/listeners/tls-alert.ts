// What a TLS client is told that is turned away before there are keys: one alert record in the clear, so that it reports a
// TLS error at once instead of "wrong version number", a reset or a hang.

/**
 * Fatal protocol_version (RFC 8446 section 6.2): no version of TLS is spoken here. handshake_failure would send people
 * to look for cipher suites and certificates.
 */
export const TLS_ALERT_PROTOCOL_VERSION = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);

/** Fatal unrecognized_name (RFC 6066 section 3). Node has no way to let OpenSSL send it. */
export const TLS_ALERT_UNRECOGNIZED_NAME = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70]);
