import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnoseConnectFailure } from '../../src/diagnosis/connect-failure.ts';

const CASES: readonly (readonly [code: string, token: string, says: RegExp])[] = [
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'upstream_not_tls', /does not speak TLS: set protocol: h2c/],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'upstream_not_tls', /does not speak TLS/],
  ['no_h2_alpn', 'upstream_no_h2_alpn', /did not choose "h2" by ALPN/],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'upstream_no_h2_alpn', /protocol: http1 with tls/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'upstream_certificate_not_trusted', /issuer is unknown.*tls\.ca/],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'upstream_certificate_not_trusted', /issuer is unknown.*tls\.ca/],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'upstream_certificate_not_trusted', /issuer is unknown.*tls\.ca/],
  ['CERT_HAS_EXPIRED', 'upstream_certificate_not_trusted', /has expired: renew it/],
  ['CERT_NOT_YET_VALID', 'upstream_certificate_not_trusted', /not valid yet: are the clocks/],
  ['INVALID_PURPOSE', 'upstream_certificate_not_trusted', /not valid \(INVALID_PURPOSE\)/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'upstream_certificate_name_mismatch', /another name; set tls\.serverName/],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'upstream_tls_failed', /tls\.cert and tls\.key/],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'upstream_tls_failed', /TLS 1\.2 or 1\.3/],
  ['ERR_TLS_SOMETHING_NEW', 'upstream_tls_failed', /\(ERR_TLS_SOMETHING_NEW\)/],
];

for (const [code, token, says] of CASES) {
  test(`${code} of an endpoint is ${token}, with a remedy`, () => {
    const diagnosis = diagnoseConnectFailure(code, '10.0.0.7:50051', { isTls: true });
    assert.equal(diagnosis.token, token);
    assert.match(diagnosis.sentence, says);
    assert.match(diagnosis.sentence, /10\.0\.0\.7:50051/);
  });
}

function sentenceFor(reason: string): string {
  return diagnoseConnectFailure('ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'a:1', { reason }).sentence;
}

test("OpenSSL's reason is in the sentence, short and printable whatever it is", () => {
  assert.match(sentenceFor('tlsv1 alert internal error'), /failed \(tlsv1 alert internal error\); /);
  const hostile = sentenceFor(`\r\n\u0007${'x'.repeat(5000)}`);
  assert.ok(hostile.length < 400);
  assert.match(hostile, /^[\x20-\x7e]+$/);
});
