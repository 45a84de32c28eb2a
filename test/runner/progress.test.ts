import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minutesAndSeconds, Progress } from './progress.ts';

const place = { line: 1, column: 1, parentId: undefined, testId: 1, testNumber: 1, tags: [] };

class Told {
  readonly lines: string[] = [];
  nowMs = 5000;
  readonly progress: Progress = new Progress({
    files: ['/a', '/b'],
    shortName: (file) => file.slice(1),
    nowMs: () => this.nowMs,
    print: (line) => this.lines.push(line),
  });

  begin(file: string): void {
    this.progress.dequeued({ ...place, name: file, nesting: 0, type: 'test' });
  }

  end(name: string, file: string, passed = true): void {
    this.progress.completed({
      ...place,
      name,
      file,
      nesting: 0,
      details: { passed, duration_ms: 1, type: 'test' },
    });
  }
}

test('a file that ends is told with its number and its time, from its own start', () => {
  const told = new Told();
  told.nowMs += 61_000;
  told.begin('/b');
  told.nowMs += 1500;
  told.end('it holds', '/b');
  told.end('/b', '/b');
  assert.deepEqual(told.lines, ['1:02  1/2   1.5 s  b']);
});

test('after a silence it says what is running, and since when, and then keeps silent again', () => {
  const told = new Told();
  told.begin('/a');
  told.nowMs += 9000;
  told.progress.remind(15_000);
  told.begin('/b');
  told.nowMs += 6000;
  for (let call = 0; call < 2; call++) told.progress.remind(15_000);
  assert.deepEqual(told.lines, ['0:15  still running: a (15.0 s), b (6.0 s)']);
});

test('a file is overdue when it has run too long and no other runs', () => {
  const told = new Told();
  told.begin('/a');
  told.nowMs += 6000;
  told.begin('/b');
  assert.deepEqual(told.progress.overdueFiles(5000), []);
  told.end('/b', '/b');
  assert.deepEqual(told.progress.overdueFiles(5000), ['/a']);
  assert.deepEqual(told.progress.overdueFiles(7000), []);
});

test('a file that passes without a test is told as failed, and kept', () => {
  const told = new Told();
  told.begin('/a');
  told.end('/a', '/a');
  assert.deepEqual(told.progress.emptyFiles, ['/a']);
  assert.deepEqual(told.lines, ['0:00  1/2   0.0 s  a  FAILED: 0 of 0 tests']);
});

test('a test is told as failed when it fails, not when its file ends', () => {
  const told = new Told();
  told.begin('/a');
  told.end('it holds', '/a', false);
  assert.deepEqual(told.lines, ['0:00  FAILED  a: it holds']);
  told.end('/a', '/a', false);
  assert.deepEqual(told.progress.emptyFiles, []);
  assert.match(told.lines[1], /FAILED: 1 of 1 tests$/);
});

test('minutes are written with two digits of seconds', () => {
  assert.deepEqual([0, 59_999, 60_000, 3_605_000].map(minutesAndSeconds), ['0:00', '0:59', '1:00', '60:05']);
});
