// Which Node is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeUnsafeNode } from '../../src/cli/node-version.ts';

test('releases without known holes are taken, newer lines too', () => {
  for (const version of ['24.17.0', '24.17.1', '24.21.0', '26.3.1', '26.10.0', '27.0.0', '28.1.0']) {
    assert.equal(describeUnsafeNode(version), undefined, version);
  }
  assert.equal(describeUnsafeNode(process.versions.node), undefined, 'the one the tests run on');
});

test('a release with known holes is refused with the one to use', () => {
  for (const version of ['24.9.0', '24.16.9', '26.0.0', '26.3.0']) {
    assert.match(
      describeUnsafeNode(version) ?? '',
      /has known security holes .*; use 2[46]\.\d+\.\d or newer\.$/,
      version,
    );
  }
});

test('a line that is not supported is refused', () => {
  for (const version of ['20.20.2', '22.0.0', '25.9.0']) {
    assert.match(
      describeUnsafeNode(version) ?? '',
      /^Node\.js 2\d is not a line with long-term support/,
      version,
    );
  }
});
