// What a plaintext listener says to a TLS client: one alert record, so that the client reports a TLS error at once
// instead of "wrong version number" or a hang.

/**
 * Fatal protocol_version (RFC 8446 section 6.2): no version of TLS is spoken here. handshake_failure would send people
 * to look for cipher suites and certificates.
 */
export const TLS_ALERT_PROTOCOL_VERSION = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);
