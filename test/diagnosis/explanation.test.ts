import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  explainHttp1OnGrpcRoute,
  explainMissingAlpn,
  explainPlaintextOnTlsPort,
} from '../../src/diagnosis/explanation.ts';

const USER_AGENTS = [
  'grpc-python/1.51.1 grpc-c/29.0.0 (linux; chttp2)',
  'grpc-go/1.64.0',
  'grpc-java-netty/1.66.0',
  'grpc-node-js/1.14.7',
  'grpc-c++/1.60.0',
  'grpc-dotnet/2.63.0',
  'grpc-ruby/1.60.0',
  'grpc-php/1.60.0',
  'grpc-swift/2.0.0',
  'tonic/0.12.3',
  'connect-go/1.16',
  'connect-es/2.1.1',
  'grpcurl/v1.9.1',
  'curl/7.88.1',
  'Mozilla/5.0',
  'something/else',
  undefined,
];

test('a Python client without TLS is told to use a secure channel', () => {
  assert.equal(
    explainPlaintextOnTlsPort(8443, 'grpc-python/1.51.1 grpc-c/29.0.0 (linux; chttp2)'),
    'Port 8443 speaks TLS and this client connected without it. Use grpc.secure_channel(...), not grpc.insecure_channel(...).',
  );
});

test('each library is told in its own words', () => {
  const words: readonly (readonly [userAgent: string, says: RegExp])[] = [
    ['grpc-go/1.64.0', /credentials\.NewTLS\(.*insecure\.NewCredentials\(\)/],
    ['grpc-java-netty/1.66.0', /useTransportSecurity\(\), not usePlaintext\(\)/],
    ['grpc-node-js/1.14.7', /createSsl\(\), not credentials\.createInsecure\(\)/],
    ['grpc-c++/1.60.0', /SslCredentials.*InsecureChannelCredentials/],
    ['grpc-dotnet/2.63.0', /https:\/\//],
    ['grpcurl/v1.9.1', /without -plaintext/],
    ['curl/7.88.1', /https:\/\//],
    ['something/else', /TLS \(secure\) channel credentials, not plaintext \(insecure\) ones/],
  ];
  for (const [userAgent, says] of words) assert.match(explainPlaintextOnTlsPort(443, userAgent), says);
});

test('a unix socket has no port to name', () => {
  assert.match(explainPlaintextOnTlsPort(undefined, undefined), /^This socket speaks TLS and this client /);
});

test('gRPC over HTTP/1.1 is told what ALPN lacked, and where to look', () => {
  const python = 'grpc-python/1.51.1';
  assert.match(explainMissingAlpn(true, 'http/1.1', python), /ALPN "h2".*only "http\/1\.1".*terminates TLS/);
  assert.match(explainMissingAlpn(true, 'none', python), /offered no protocol by ALPN.*\(FG1005\)$/);
  assert.match(explainMissingAlpn(true, 'http/1.1', 'curl/7.88.1'), /curl --http2\./);
  assert.match(explainMissingAlpn(false, 'none', 'curl/7.88.1'), /--http2-prior-knowledge\. \(FG1006\)$/);
  assert.match(explainMissingAlpn(false, 'none', python), /load balancer\) changes the protocol/);
});

test('HTTP/1.1 on a route to a gRPC service is told about gRPC clients and gRPC-Web', () => {
  assert.match(explainHttp1OnGrpcRoute(undefined), /gRPC client.*grpcWeb: true.*\(FG1007\)$/);
  assert.match(explainHttp1OnGrpcRoute('curl/7.88.1'), /grpcurl/);
  const served = explainHttp1OnGrpcRoute('curl/7.88.1', false, true);
  assert.match(served, /application\/grpc-web\+proto.*\(FG1007\)$/);
  assert.doesNotMatch(served, /grpcWeb: true/);
});

test('every explanation is short ASCII that names its code, but for the message of a failure, which gets it later', () => {
  for (const userAgent of USER_AGENTS) {
    assert.match(explainPlaintextOnTlsPort(65_535, userAgent), /^[\x20-\x7e]{50,290}\.$/);
    const all = [
      explainMissingAlpn(true, 'http/1.1', userAgent),
      explainMissingAlpn(true, 'none', userAgent),
      explainMissingAlpn(false, 'none', userAgent),
      explainHttp1OnGrpcRoute(userAgent),
    ];
    for (const text of all) {
      assert.ok(text.length <= 300, `${text.length}: ${text}`);
      assert.match(text, /^[\x20-\x7e]+ \(FG1\d{3}\)$/);
    }
  }
});

test('nothing that a client sent is repeated', () => {
  const hostile = 'grpc-python/<script>evil</script>';
  assert.doesNotMatch(explainPlaintextOnTlsPort(443, hostile), /evil/);
  assert.doesNotMatch(explainMissingAlpn(true, 'none', hostile), /evil/);
  assert.doesNotMatch(explainHttp1OnGrpcRoute(hostile), /evil/);
});
