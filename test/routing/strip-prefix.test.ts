import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { stripPrefix } from '../../src/routing/strip-prefix.ts';

test('the prefix is removed as whole segments', () => {
  assert.equal(stripPrefix('/grpc/a.B/C', '/grpc'), '/a.B/C');
  assert.equal(stripPrefix('/api/v1/a.B/C', '/api/v1'), '/a.B/C');
  assert.equal(stripPrefix('/grpc/grpc/a', '/grpc'), '/grpc/a');
  assert.equal(stripPrefix('/grpc//a', '/grpc'), '//a');
});

test('a path is never left empty', () => {
  assert.equal(stripPrefix('/grpc', '/grpc'), '/');
  assert.equal(stripPrefix('/grpc/', '/grpc'), '/');
  assert.equal(stripPrefix('/grpc?a=b', '/grpc'), '/?a=b');
});

test('other paths are left alone', () => {
  for (const path of ['/grpcfoo', '/grpcfoo/a', '/Grpc/a', '/a/grpc/b', '/', '*', '']) {
    assert.equal(stripPrefix(path, '/grpc'), path);
  }
});

test('what comes out begins with a slash whenever what goes in does', () => {
  const segments = fc.array(fc.constantFrom('a', 'grpc', '?', '', '/'), { maxLength: 5 });
  fc.assert(
    fc.property(segments, (parts) => {
      assert.ok(stripPrefix(`/${parts.join('/')}`, '/grpc').startsWith('/'));
      assert.equal(stripPrefix(`/grpc/${parts.join('/')}`, '/grpc'), `/${parts.join('/')}`);
    }),
  );
});
