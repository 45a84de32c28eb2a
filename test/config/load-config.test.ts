import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../src/config/load-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'framegate-config-'));
after(() => rmSync(folder, { recursive: true }));

function messagesOf(file: string): readonly string[] {
  const result = loadConfig(file);
  assert.ok('problems' in result);
  return result.problems.map((problem) => problem.message);
}

test('a file that is not there, or a folder, is one problem', () => {
  assert.deepEqual(messagesOf(join(folder, 'none.yaml')), ['cannot be read: there is no such file']);
  assert.deepEqual(messagesOf(folder), ['cannot be read: it is a folder']);
});

test('bytes that are not UTF-8 are refused, not replaced', () => {
  const file = join(folder, 'latin1.yaml');
  writeFileSync(file, Buffer.from([0x61, 0x3a, 0x20, 0xe4, 0x0a]));
  assert.deepEqual(messagesOf(file), ['is not UTF-8 text']);
});

test('a file beyond all reason is not parsed', () => {
  const file = join(folder, 'large.yaml');
  writeFileSync(file, '#'.repeat(1_048_577));
  assert.deepEqual(messagesOf(file), ['is larger than 1MiB']);
});

test('a named pipe is not waited for, and a device is not read to its end', () => {
  const pipe = join(folder, 'pipe.yaml');
  execFileSync('mkfifo', [pipe]);
  const link = join(folder, 'zero.yaml');
  symlinkSync('/dev/zero', link);
  for (const file of [pipe, '/dev/zero', link]) assert.deepEqual(messagesOf(file), ['is no regular file']);
});

test('a byte order mark does no harm', () => {
  const file = join(folder, 'bom.yaml');
  writeFileSync(
    file,
    '\uFEFFlisteners: [{ address: "127.0.0.1:0" }]\nroutes: [{ match: { path: /* }, upstream: a }]\nupstreams: { a: { endpoints: ["127.0.0.1:1"] } }\n',
  );
  const result = loadConfig(file);
  assert.ok('config' in result, JSON.stringify(result));
  assert.equal(result.config.file, file);
});
