// Memory that is said to be short, level by level: what is given back first, who is told, and that a process at the border
// does not change its mind with every look.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryLevel, memoryLevel } from '../../src/overload/memory-pressure.ts';
import { MemoryWatch } from '../../src/overload/memory-watch.ts';

class Watched {
  used = 0;
  /** What a relief brings. */
  spare = 0;
  nowMs = 0;
  reliefs = 0;
  reliefTakesMs = 10;
  readonly changes: string[] = [];
  readonly watch = new MemoryWatch({
    usedBytes: () => this.used,
    relieve: () => {
      this.reliefs++;
      this.used -= this.spare;
      this.spare = 0;
      return this.reliefTakesMs;
    },
    onLevel: (level, before) => this.changes.push(`${before}>${level}`),
  });

  constructor(limitBytes: number | undefined = 1000) {
    this.watch.limitBytes = limitBytes;
  }

  look(used: number, laterMs = 1000): MemoryLevel {
    this.used = used;
    this.nowMs += laterMs;
    this.watch.look(this.nowMs);
    return this.watch.level;
  }
}

for (const [before, used, level] of [
  [0, 0, 0],
  [0, 799, 0],
  [0, 800, 1],
  [0, 900, 2],
  [0, 970, 3],
  [0, 2000, 3],
  [1, 760, 1],
  [1, 749, 0],
  [1, 899, 1],
  [2, 860, 2],
  [2, 849, 1],
  [2, 749, 0],
  [3, 930, 3],
  [3, 919, 2],
  [3, 849, 1],
] as const) {
  test(`after level ${before}, ${used / 10} % of the memory is level ${level}`, () => {
    assert.equal(memoryLevel(before, used, 1000), level);
  });
}

test('each change is told once', () => {
  const watched = new Watched();
  for (const used of [100, 810, 820, 780, 810, 910, 880, 980, 930, 910, 860, 840, 760, 740, 100]) {
    watched.look(used);
  }
  assert.deepEqual(watched.changes, ['0>1', '1>2', '2>3', '3>2', '2>1', '1>0']);
});

test('garbage and caches are given back before anybody is refused', () => {
  const watched = new Watched();
  watched.spare = 500;
  assert.equal(watched.look(990), 0);
  assert.deepEqual([watched.reliefs, watched.changes], [1, []]);
});

test('what is really in use counts', () => {
  const watched = new Watched();
  watched.spare = 50;
  assert.equal(watched.look(990), 2);
  assert.deepEqual([watched.reliefs, watched.changes], [1, ['0>2']]);
});

test('as long as memory is short, what can be given back is, but not all the time', () => {
  const watched = new Watched();
  for (let second = 0; second < 30; second++) {
    watched.spare = 30;
    watched.look(850);
  }
  assert.equal(watched.reliefs, 3);
});

test('and hardly ever where that brings nothing', () => {
  const watched = new Watched();
  for (let second = 0; second < 121; second++) watched.look(850);
  assert.equal(watched.reliefs, 3);
});

test('a level that would rise is answered at once, and then not before two seconds have passed', () => {
  const watched = new Watched();
  watched.look(850);
  assert.equal(watched.look(910, 250), 2, 'relieved a moment ago');
  assert.equal(watched.reliefs, 1);
  watched.look(975, 2000);
  assert.equal(watched.reliefs, 2);
});

test('where calls are refused it is done every two seconds, so that they are served again soon', () => {
  const watched = new Watched();
  for (let second = 0; second < 30; second++) watched.look(950);
  assert.equal(watched.reliefs, 15);
  watched.spare = 500;
  assert.equal(watched.look(950), 0);
});

test('but no more than a fiftieth of the time, however large the heap', () => {
  const watched = new Watched();
  watched.reliefTakesMs = 200;
  for (let second = 0; second < 30; second++) watched.look(950);
  assert.equal(watched.reliefs, 3);
});

test('nothing is given back while there is plenty', () => {
  const watched = new Watched();
  for (let second = 0; second < 30; second++) watched.look(790);
  assert.deepEqual([watched.reliefs, watched.changes], [0, []]);
});

test('without a limit nothing is watched', () => {
  const watched = new Watched(undefined);
  watched.watch.limitBytes = undefined;
  assert.equal(watched.look(1e15), 0);
  assert.deepEqual([watched.reliefs, watched.changes], [0, []]);
});

test('a reload may raise the limit, or take it away', () => {
  const watched = new Watched();
  watched.look(980);
  watched.watch.limitBytes = 2000;
  assert.equal(watched.look(980), 0);
  watched.watch.limitBytes = 1000;
  assert.equal(watched.look(980), 3);
  watched.watch.limitBytes = undefined;
  assert.deepEqual(watched.changes, ['0>3', '3>0', '0>3', '3>0']);
});

test('the report says what is used and how much there is', () => {
  const watched = new Watched();
  watched.look(910);
  assert.deepEqual(watched.watch.report, { level: 2, usedBytes: 910, limitBytes: 1000 });
});
