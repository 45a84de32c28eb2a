// What a process uses of the memory it has, from figures as Node gives them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryUse } from '../../src/overload/memory-use.ts';

class Process {
  memory = { rss: 100, heapTotal: 30, external: 10 };
  hasDescriptors = true;
  readonly use = new MemoryUse(() => {
    if (!this.hasDescriptors) throw new Error('EMFILE: too many open files, uv_resident_set_memory');
    return this.memory;
  });

  uses(rss: number, heapTotal: number, external: number): number {
    this.memory = { rss, heapTotal, external };
    return this.use.usedBytes;
  }
}

test('at first all of it is in use', () => {
  assert.equal(new Process().uses(100, 30, 10), 100);
});

test('what V8 counts more is used more', () => {
  const process = new Process();
  process.uses(100, 30, 10);
  assert.equal(process.uses(180, 60, 60), 180);
});

test('what was freed and is kept by the C library is not in use', () => {
  const process = new Process();
  process.uses(100, 30, 10);
  process.uses(180, 60, 60);
  assert.equal(process.uses(178, 32, 10), 102);
});

test('what is paged out, or counted and never touched, does not make it use more than is resident', () => {
  const process = new Process();
  process.uses(100, 30, 10);
  assert.equal(process.uses(120, 90, 50), 120);
  assert.equal(process.uses(90, 30, 10), 90);
});

test('without a descriptor to ask with, the last figure stands', () => {
  const process = new Process();
  process.uses(180, 60, 60);
  process.hasDescriptors = false;
  assert.equal(process.uses(100, 30, 10), 180);
  process.hasDescriptors = true;
  assert.equal(process.uses(100, 30, 10), 100);
});

test('the real process uses less than it has, and more than its heap', () => {
  const { heapUsed } = process.memoryUsage();
  const { usedBytes } = new MemoryUse();
  assert.ok(usedBytes > heapUsed && usedBytes <= process.memoryUsage.rss() * 1.5);
});
