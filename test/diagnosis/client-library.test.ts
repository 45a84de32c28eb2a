import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type ClientLibrary, clientLibrary } from '../../src/diagnosis/client-library.ts';

const CASES: readonly (readonly [userAgent: string | undefined, library: ClientLibrary])[] = [
  ['grpc-python/1.51.1 grpc-c/29.0.0 (linux; chttp2)', 'grpc-python'],
  ['grpc-python-asyncio/1.71.0 grpc-c/46.0.0 (linux; chttp2)', 'grpc-python'],
  ['grpc-go/1.64.0', 'grpc-go'],
  ['my-service/3.1 grpc-go/1.64.0', 'grpc-go'],
  ['grpc-java-netty/1.66.0', 'grpc-java'],
  ['grpc-java-okhttp/1.66.0', 'grpc-java'],
  ['grpc-node-js/1.14.7', 'grpc-node'],
  ['grpc-c++/1.60.0 grpc-c/37.0.0 (linux; chttp2)', 'grpc-c++'],
  ['grpc-dotnet/2.63.0 (.NET 8.0.5; CLR 8.0.5; net8.0; linux; x64)', 'grpc-dotnet'],
  ['grpc-ruby/1.60.0 grpc-c/37.0.0 (linux; chttp2)', 'grpc-ruby'],
  ['grpc-php/1.60.0 grpc-c/37.0.0 (linux; chttp2)', 'grpc-php'],
  ['grpc-swift-nio/1.23.0', 'grpc-swift'],
  ['tonic/0.12.3', 'tonic'],
  ['grpc-go-connect/1.12.0 (go1.21.4) buf/1.28.1', 'connect-go'],
  ['connect-es/2.1.1', 'connect-es'],
  ['grpcurl/v1.9.1 grpc-go/1.61.0', 'grpcurl'],
  ['curl/7.88.1', 'curl'],
  ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'browser'],
  ['GRPC-Python/1.51.1', 'grpc-python'],
  ['python-requests/2.32', 'unknown'],
  ['not-grpc-python/1', 'unknown'],
  ['constructor/1', 'unknown'],
  ['', 'unknown'],
  [undefined, 'unknown'],
];

test('the user-agent tells the library', () => {
  for (const [userAgent, library] of CASES) assert.equal(clientLibrary(userAgent), library, userAgent);
});

test('any text gives a library, and only its beginning is read', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof clientLibrary(text) === 'string'));
  assert.equal(clientLibrary(`${'x '.repeat(1_000)}grpc-go/1.64.0`), 'unknown');
});
