// The limit of memory that control groups set, as the files of different systems have it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupMemoryLimit } from '../../src/overload/cgroup-memory.ts';
import { memoryLimit } from '../../src/overload/memory-limit.ts';

const MIB = 1_048_576;

function limitIn(files: Readonly<Record<string, string>>): number | undefined {
  return cgroupMemoryLimit((path) => files[path]);
}

test('version 2: the group of the service has a limit', () => {
  const limit = limitIn({
    '/proc/self/cgroup': '0::/system.slice/framegate.service\n',
    '/sys/fs/cgroup/system.slice/framegate.service/memory.max': '536870912\n',
    '/sys/fs/cgroup/system.slice/memory.max': 'max\n',
  });
  assert.equal(limit, 512 * MIB);
});

test('version 2: a group further up is smaller', () => {
  const limit = limitIn({
    '/proc/self/cgroup': '0::/kubepods/pod1/container\n',
    '/sys/fs/cgroup/kubepods/pod1/container/memory.max': '1073741824\n',
    '/sys/fs/cgroup/kubepods/pod1/memory.max': '268435456\n',
    '/sys/fs/cgroup/kubepods/memory.max': '8589934592\n',
  });
  assert.equal(limit, 256 * MIB);
});

test('version 2 in a container: the root is its own group', () => {
  const limit = limitIn({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': '268435456\n' });
  assert.equal(limit, 256 * MIB);
});

test('version 2 in a container that sees the path of its host', () => {
  const limit = limitIn({
    '/proc/self/cgroup': '0::/../../docker/0123abcd\n',
    '/sys/fs/cgroup/memory.max': '268435456\n',
  });
  assert.equal(limit, 256 * MIB);
});

test('version 1, beside a version 2 that limits nothing', () => {
  const limit = limitIn({
    '/proc/self/cgroup': '9:name=systemd:/\n4:cpu,memory:/docker/0123abcd\n0::/\n',
    '/sys/fs/cgroup/memory/docker/0123abcd/memory.limit_in_bytes': '9223372036854771712\n',
    '/sys/fs/cgroup/memory/docker/memory.limit_in_bytes': '402653184\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  });
  assert.equal(limit, 384 * MIB);
});

test('no limit where all say so, and where there is nothing to read', () => {
  assert.equal(
    limitIn({ '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/memory.max': 'max\n' }),
    undefined,
  );
  assert.equal(
    limitIn({
      '/proc/self/cgroup': '4:memory:/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    }),
    undefined,
  );
  assert.equal(limitIn({}), undefined);
});

test('nonsense is no limit', () => {
  for (const text of ['', '-1\n', '0\n', 'many\n', '1e9\n']) {
    const files = { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': text };
    assert.equal(limitIn(files), undefined, JSON.stringify(text));
  }
});

test('by default nine tenths of what the group has are used, by all processes together', () => {
  assert.equal(
    memoryLimit('auto', 1, () => 1000 * MIB),
    900 * MIB,
  );
  assert.equal(
    memoryLimit('auto', 4, () => 1000 * MIB),
    225 * MIB,
  );
  assert.equal(
    memoryLimit('auto', 1, () => undefined),
    undefined,
  );
});

test('by default a small container with many processes has no limit that a process exceeds from the start', () => {
  assert.equal(
    memoryLimit('auto', 8, () => 512 * MIB),
    160 * MIB,
  );
});

test('what is configured counts, whatever the group has', () => {
  assert.equal(
    memoryLimit(800 * MIB, 4, () => 100 * MIB),
    200 * MIB,
  );
  assert.equal(
    memoryLimit(undefined, 1, () => 100 * MIB),
    undefined,
  );
});
