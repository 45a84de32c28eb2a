import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configChanges } from '../../src/config/config-changes.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

test('names what was added, changed and removed, and the sections that differ', async () => {
  const before = configOf(await proxyConfigText({}));
  const [first, second] = before.listeners;
  const now = {
    ...before,
    listeners: [
      { ...first, mismatch: 'close' as const },
      { ...second, name: 'other' },
    ],
    limits: { ...before.limits, headerFields: 64 },
    log: { ...before.log },
  };
  assert.deepEqual(configChanges(before, now), {
    listeners: { added: ['other'], changed: ['tls'], removed: ['clear'] },
    routes: { added: [], changed: [], removed: [] },
    upstreams: { added: [], changed: [], removed: [] },
    sections: ['limits'],
  });
});

test('limits of the whole proxy are limits too', async () => {
  const before = configOf(await proxyConfigText({}));
  const now = { ...before, capacity: { ...before.capacity, connections: 5 } };
  assert.deepEqual(configChanges(before, now).sections, ['limits']);
});
