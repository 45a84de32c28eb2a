// The log's destination on real pipes, files and /dev/full: order, bounds, drops, and that nothing blocks or throws.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LogComplaints } from '../../src/observability/log-complaints.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { LogReader } from './log-reader.ts';

const slabBytes = 128 * 1024;
/** What a pipe holds on Linux. */
const pipeBytes = 64 * 1024;

function numberedLine(number: number, length = 100): string {
  return `${String(number).padEnd(length - 1, '.')}\n`;
}

function numbersOf(lines: readonly string[]): number[] {
  return lines.map((line) => Number.parseInt(line, 10));
}

function firstNumbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Lets the reader and the writer take turns until nothing is left. */
function drain(destination: LogDestination, reader: LogReader): void {
  do destination.flush();
  while (reader.read() > 0 || destination.pendingBytes > 0);
}

function temporaryFile(): { readonly fd: number; readonly text: () => string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-'));
  const path = join(folder, 'log');
  return {
    fd: openSync(path, 'a'),
    text: () => readFileSync(path, 'utf8'),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

describe('a destination that is a pipe', () => {
  test('collects until it is flushed', () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd });
    destination.write('one\n');
    assert.equal(reader.read(), 0);
    destination.flush();
    reader.read();
    assert.deepEqual(reader.lines(), ['one']);
    assert.equal(destination.pendingBytes, 0);
  });

  test('is written 100 ms after the first byte', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd });
    destination.write('one\n');
    t.mock.timers.tick(60);
    destination.write('two\n');
    t.mock.timers.tick(39);
    assert.equal(reader.read(), 0);
    t.mock.timers.tick(1);
    reader.read();
    assert.deepEqual(reader.lines(), ['one', 'two']);
  });

  test('is written when the buffer is full', () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd });
    const line = numberedLine(0, 1000);
    for (let bytes = 0; bytes < slabBytes; bytes += line.length) destination.write(line);
    assert.equal(reader.read(), pipeBytes);
  });

  test('is not blocked by a reader that stalls, keeps a bounded amount, counts the rest and goes on', () => {
    const reader = new LogReader();
    const maxPendingBytes = 8 * slabBytes;
    const destination = new LogDestination({ fd: reader.fd, maxPendingBytes });
    const reports: [number, string][] = [];
    destination.reportDropsTo((records, errorCode) => {
      reports.push([records, errorCode]);
      destination.write('report\n');
    });
    const written = 40_000;
    for (let number = 0; number < written; number += 1) destination.write(numberedLine(number));
    assert.ok(destination.pendingBytes <= maxPendingBytes);
    const dropped = destination.droppedRecords;
    assert.ok(dropped > written / 2);
    assert.deepEqual(reports, []);

    drain(destination, reader);
    destination.write('after\n');
    drain(destination, reader);
    assert.deepEqual(reports, [[dropped, 'EAGAIN']]);
    const lines = reader.lines();
    assert.deepEqual(lines.slice(-2), ['report', 'after']);
    assert.deepEqual(numbersOf(lines.slice(0, -2)), firstNumbers(written - dropped));
  });

  test('does not spend a buffer on every flush while the reader stalls', () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd, maxPendingBytes: 4 * slabBytes });
    for (let number = 0; number < 2000; number += 1) {
      destination.write(numberedLine(number));
      destination.flush();
    }
    assert.equal(destination.droppedRecords, 0);
    drain(destination, reader);
    assert.deepEqual(numbersOf(reader.lines()), firstNumbers(2000));
  });

  test('tries again by itself while the reader is behind', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd });
    for (let number = 0; number < 3000; number += 1) destination.write(numberedLine(number));
    t.mock.timers.tick(100);
    for (let round = 0; round < 20; round += 1) {
      reader.read();
      t.mock.timers.tick(50);
    }
    assert.deepEqual(numbersOf(reader.lines()), firstNumbers(3000));
  });

  test('keeps a line longer than its buffer in its place', () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd });
    const long = `${'ö'.repeat(slabBytes)}\n`;
    destination.write('one\n');
    destination.write(long);
    destination.write('two\n');
    drain(destination, reader);
    assert.deepEqual(reader.lines(), ['one', long.trimEnd(), 'two']);
  });

  test('does not throw when the reader has left, and counts what it loses', () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd, maxPendingBytes: 2 * slabBytes });
    reader.leave();
    for (let number = 0; number < 5000; number += 1) destination.write(numberedLine(number));
    destination.flush();
    destination.flushSync(0);
    assert.ok(destination.droppedRecords > 2000);
    assert.ok(destination.pendingBytes <= 2 * slabBytes);
  });

  test('that others share gets portions of whole lines', () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd, isShared: true });
    for (let number = 0; number < 3000; number += 1)
      destination.write(numberedLine(number, 100 + (number % 7)));
    destination.write(numberedLine(3000, 5000));
    destination.flush();
    reader.read();
    // The pipe was filled to where a portion did not fit: that is a line's end.
    const before = reader.lines().length;
    assert.ok(before < 3001);
    drain(destination, reader);
    assert.deepEqual(numbersOf(reader.lines()), firstNumbers(3001));
  });

  test('that others share gets whole lines also from a process that ends', () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd, isShared: true });
    for (let number = 0; number < 3000; number += 1) destination.write(numberedLine(number, 97));
    destination.flushSync(0);
    reader.read();
    const before = reader.lines().length;
    assert.ok(before > 0 && before < 3000, 'the pipe was filled to where a portion did not fit');
    drain(destination, reader);
    assert.deepEqual(numbersOf(reader.lines()), firstNumbers(3000));
  });

  test('flushSync gives up on a reader that stalls, and loses nothing by it', () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd });
    for (let number = 0; number < 4000; number += 1) destination.write(numberedLine(number));
    destination.flushSync(0);
    assert.equal(destination.pendingBytes, 400_000 - pipeBytes);
    reader.read();
    destination.flushSync(0);
    drain(destination, reader);
    assert.deepEqual(numbersOf(reader.lines()), firstNumbers(4000));
  });

  test('close gives up on a reader that stalls', async () => {
    const reader = new LogReader();
    const destination = new LogDestination({ fd: reader.fd });
    for (let number = 0; number < 1000; number += 1) destination.write(numberedLine(number));
    const closing = destination.close(1);
    assert.equal(destination.close(), closing);
    await closing;
    assert.ok(destination.pendingBytes > 0);
  });
});

describe('a destination that is a file', () => {
  test('gets everything in order by close', async () => {
    const file = temporaryFile();
    const destination = new LogDestination({ fd: file.fd });
    for (let number = 0; number < 20_000; number += 1) destination.write(numberedLine(number));
    await destination.close();
    assert.equal(destination.droppedRecords, 0);
    assert.deepEqual(numbersOf(file.text().trimEnd().split('\n')), firstNumbers(20_000));
    file.remove();
  });

  test('loses nothing by flushSync while a write is under way', async () => {
    const file = temporaryFile();
    const destination = new LogDestination({ fd: file.fd });
    for (let number = 0; number < 5000; number += 1) destination.write(numberedLine(number));
    destination.flushSync();
    // The write under way is the pool's; it lands first unless the machine is very busy.
    await destination.close();
    const numbers = numbersOf(file.text().trimEnd().split('\n'));
    assert.deepEqual(
      numbers.toSorted((left, right) => left - right),
      firstNumbers(5000),
    );
    file.remove();
  });

  test('on a full disk does not throw, keeps a bounded amount and closes without waiting', async () => {
    const destination = new LogDestination({
      fd: openSync('/dev/full', 'w'),
      maxPendingBytes: 4 * slabBytes,
    });
    for (let number = 0; number < 10_000; number += 1) destination.write(numberedLine(number));
    await destination.close(60_000);
    destination.flushSync(0);
    assert.ok(destination.droppedRecords > 0);
    assert.ok(destination.pendingBytes > 0 && destination.pendingBytes <= 4 * slabBytes);
  });

  for (const { what, path, code } of [
    { what: 'a full disk', path: '/dev/full', code: 'ENOSPC' },
    // Nothing is mapped at the beginning of the memory of this process.
    { what: 'a device that fails', path: '/proc/self/mem', code: 'EIO' },
  ]) {
    test(`on ${what} counts each record once when it is given up`, { skip: !existsSync(path) }, async () => {
      const told: string[] = [];
      const complaints = new LogComplaints((line) => told.push(line));
      const fd = openSync(path, 'w');
      const destination = new LogDestination({ fd, complaints });
      for (let number = 0; number < 3000; number += 1) destination.write(numberedLine(number));
      await destination.close(60_000);
      assert.equal(destination.droppedRecords, 0);
      destination.giveUpSync(0);
      assert.equal(destination.droppedRecords, 3000);
      assert.equal(destination.pendingBytes, 0);
      assert.equal(destination.flushSync(0), 0);
      assert.match(told[0], new RegExp(`^framegate: the log cannot be written \\(${code}: `));
      assert.match(told[1], /the last 3000 records of the log are lost/);
      assert.equal(told.length, 2);
      closeSync(fd);
    });
  }
});

test('a slow reader is told of once, with the first record that is dropped', () => {
  const told: string[] = [];
  const reader = new LogReader();
  const complaints = new LogComplaints((line) => told.push(line));
  const destination = new LogDestination({ fd: reader.fd, maxPendingBytes: 2 * slabBytes, complaints });
  for (let number = 0; number < 10_000; number += 1) destination.write(numberedLine(number));
  assert.ok(destination.droppedRecords > 1);
  drain(destination, reader);
  for (let number = 0; number < 10_000; number += 1) destination.write(numberedLine(number));
  assert.match(told[0], /^framegate: the reader of the log is too slow: /);
  assert.equal(told.length, 1);
});

describe('in a process of its own', () => {
  const child = join(import.meta.dirname, 'log-child.ts');

  test('a reader that never reads does not keep the process from ending', async () => {
    // A shell's pipe is a real pipe. `sleep` holds its reading end, and goes with the group when the test is done.
    const script = '{ "$0" "$1" 3000 process-exit; echo "code $?" >&2; } | exec sleep 60';
    const shell = spawn('sh', ['-c', script, process.execPath, child], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    shell.stderr.setEncoding('utf8');
    for await (const data of shell.stderr) {
      text += data;
      if (text.includes('code')) break;
    }
    assert.ok(shell.pid !== undefined);
    process.kill(-shell.pid, 'SIGKILL');
    assert.match(text, /code 0/);
  });

  test('a reader that leaves does not end the process', async () => {
    const running = spawn(process.execPath, [child, '3000', 'natural-end'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.stdout.destroy();
    const code = await new Promise((resolve) => running.on('exit', resolve));
    assert.equal(code, 0);
  });

  for (const end of ['natural-end', 'process-exit', 'uncaught-error']) {
    test(`nothing is lost at a ${end}`, async () => {
      const running = spawn(process.execPath, [child, '3000', end], { stdio: ['ignore', 'pipe', 'ignore'] });
      let text = '';
      running.stdout.setEncoding('utf8');
      for await (const data of running.stdout) text += data;
      assert.deepEqual(numbersOf(text.trimEnd().split('\n')), firstNumbers(3000));
    });
  }
});

test('dropped records are reported by the logger, after what was kept and before what came later', () => {
  const reader = new LogReader();
  const destination = new LogDestination({ fd: reader.fd, maxPendingBytes: 2 * slabBytes });
  const logger = createLogger({ level: 'info', syslogPrefix: false }, destination);
  for (let number = 0; number < 2000; number += 1) logger.info({ number }, 'x'.repeat(200));
  const dropped = destination.droppedRecords;
  drain(destination, reader);
  logger.error({}, 'after');
  reader.read();
  const [report, after] = reader
    .lines()
    .slice(-2)
    .map((line): unknown => JSON.parse(line));
  assert.ok(dropped > 0);
  assert.deepEqual(
    Object.entries(Object(report)).filter(([key]) => key === 'level' || key === 'records'),
    [
      ['level', 40],
      ['records', dropped],
    ],
  );
  assert.equal(Object(after).msg, 'after');
});
