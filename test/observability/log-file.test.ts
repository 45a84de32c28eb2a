// The file of `log.file` on a real disk: it is opened, moved away and opened again, and no line is lost, mixed or written twice.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { LogFile, openLogFile } from '../../src/observability/log-file.ts';

const NOBODY = 65534;

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-log-file-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Scene {
  readonly path: string;
  readonly destination: LogDestination;
  readonly file: LogFile;
  readonly said: string[];
}

function openScene(t: TestContext): Scene {
  const path = join(folderFor(t), 'log');
  const fd = openLogFile(path);
  const destination = new LogDestination({ fd });
  const said: string[] = [];
  const say = (fields: object, message: string): void => {
    said.push(`${message} ${JSON.stringify(fields)}`);
  };
  const file = new LogFile({ path, fd, destination, logger: { info: say, error: say } });
  return { path, destination, file, said };
}

test('a file that is not there is made for its owner and group, and one that is there is added to', (t) => {
  const path = join(folderFor(t), 'log');
  openLogFile(path);
  assert.equal(statSync(path).mode & 0o137, 0);
  writeFileSync(path, 'before\n');
  const destination = new LogDestination({ fd: openLogFile(path) });
  destination.write('after\n');
  assert.equal(destination.flushSync(), 0);
  assert.equal(readFileSync(path, 'utf8'), 'before\nafter\n');
});

test('what cannot be opened says why', (t) => {
  const folder = folderFor(t);
  assert.throws(() => openLogFile(join(folder, 'none', 'log')), /log: there is no such folder$/);
  assert.throws(() => openLogFile(folder), /: it is a folder$/);
  writeFileSync(join(folder, 'file'), '');
  assert.throws(
    () => openLogFile(join(folder, 'file', 'log')),
    /log: a part of its path is a file, not a folder$/,
  );
  assert.throws(() => openLogFile('/dev/null'), /null: it is no regular file$/);
  assert.equal(spawnSync('mkfifo', [join(folder, 'pipe')]).status, 0);
  assert.throws(() => openLogFile(join(folder, 'pipe')), /pipe: it is a socket or a device, not a file$/);
});

test('a file that was moved away is opened again, and what waits goes into the new one', async (t) => {
  const { path, destination, file, said } = openScene(t);
  const { ino } = fstatSync(file.fd);
  destination.write('first\n');
  destination.flush();
  renameSync(path, `${path}.1`);
  destination.write('second\n');
  // The write of the first line is still under way.
  file.reopen();
  destination.write('third\n');
  await destination.close();
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'first\n');
  assert.equal(readFileSync(path, 'utf8'), 'second\nthird\n');
  assert.notEqual(fstatSync(file.fd).ino, ino);
  assert.equal(said.length, 1);
});

test('a file that is still there stays open, and nothing is said', (t) => {
  const { file, said } = openScene(t);
  const { fd } = file;
  file.reopen();
  assert.equal(file.fd, fd);
  assert.deepEqual(said, []);
});

test('where it cannot be opened again the log goes on in the file that is open', async (t) => {
  const { path, destination, file, said } = openScene(t);
  renameSync(path, `${path}.1`);
  mkdirSync(path);
  file.reopen();
  destination.write('a line\n');
  await destination.close();
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'a line\n');
  assert.match(said[0], /goes on in the file that is open.*it is a folder/);
});

test('each descriptor that is not used any more is released once, whatever is under way', async (t) => {
  const { path, destination, file } = openScene(t);
  const released: number[] = [];
  const first = file.fd;
  destination.write('a line\n');
  destination.flush();
  const [second, third] = [openLogFile(`${path}.2`), openLogFile(`${path}.3`)];
  destination.moveTo(second, (fd) => released.push(fd));
  destination.moveTo(third, (fd) => released.push(fd));
  assert.deepEqual(released, [second], 'the first is still written to');
  await destination.close();
  assert.deepEqual(released, [second, first]);
  destination.write('another\n');
  assert.equal(destination.flushSync(), 0);
  assert.equal(readFileSync(`${path}.3`, 'utf8'), 'another\n');
});

test('a line that was cut in two by a full disk is whole in the next file', (t) => {
  const folder = folderFor(t);
  const child = join(import.meta.dirname, 'log-file-child.ts');
  // A limit of the size of a file does what a full disk does.
  const { stderr, status } = spawnSync('sh', ['-c', `ulimit -f 8; exec '${process.execPath}' '${child}' .`], {
    cwd: folder,
    encoding: 'utf8',
    // The limit holds for the files of a compile cache too, and a signal at the end of the process would end it.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
  });
  assert.equal(status, 0, stderr);
  const files = readdirSync(folder);
  assert.ok(files.length > 1, 'the first file was too small');
  const lines = files.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
  const whole = lines.filter((line) => line.length === 99).map((line) => Number.parseInt(line, 10));
  assert.deepEqual(
    whole.toSorted((one, other) => one - other),
    Array.from({ length: 300 }, (_, number) => number),
  );
});

test('a file in a folder that may not be written to is told of', (t) => {
  const folder = folderFor(t);
  chmodSync(folder, 0o500);
  // Root may write everywhere, so it acts as another user for a moment.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    assert.throws(() => openLogFile(join(folder, 'log')), /may not make a file in its folder$/);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});
