import assert from 'node:assert/strict';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { filesToRun, SLOW_FILES } from './files-to-run.ts';

const testFolder = join(import.meta.dirname, '..');

test('slow files are test files that there are, and begin first', () => {
  const names = filesToRun([]).map((file) => relative(testFolder, file));
  assert.deepEqual(names.slice(0, SLOW_FILES.length), SLOW_FILES);
});

test('every file runs once, however many names it has', () => {
  const folder = join(testFolder, 'routing');
  const inFolder = filesToRun([folder]);
  const [slow] = filesToRun([]);
  assert.deepEqual(filesToRun([folder, inFolder[0], slow]), [slow, ...inFolder]);
});
