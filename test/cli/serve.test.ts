// What a person reads when `serve` cannot start, and how many clients it says there is room for when it can.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'framegate-serve-'));
after(() => rmSync(folder, { recursive: true }));

const main = join(import.meta.dirname, '../../src/main.ts');
const rest = [
  'routes: [{ match: { path: /a.B/* }, upstream: service }]',
  'upstreams: { service: { endpoints: ["127.0.0.1:50051"] } }',
  'workers: 1',
];

function serve(...lines: readonly string[]) {
  writeFileSync(join(folder, 'config.yaml'), `${[...lines, ...rest].join('\n')}\n`);
  // Few open files, whatever this machine allows.
  const script = 'ulimit -Sn 500 && ulimit -Hn 500 && exec "$0" "$@"';
  return spawn('sh', ['-c', script, process.execPath, main, 'serve', 'config.yaml'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('what cannot be opened is told with its place in the file, all of it at once', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const bound = taken.address();
  assert.ok(bound !== null && typeof bound === 'object');
  const child = serve(
    'listeners:',
    `  - address: 127.0.0.1:${bound.port}`,
    `  - address: unix:${join(folder, 'none/x.sock')}`,
    `admin: { address: "unix:${join(folder, 'none/admin.sock')}" }`,
  );
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
  taken.close();
  assert.equal(child.exitCode, 1);
  const [port, socket, admin, ...others] = stderr.trimEnd().split('\n');
  assert.match(port, /^config\.yaml:2:14 listeners\[0\]\.address – .* something listens there already/);
  assert.match(socket, /^config\.yaml:3:14 listeners\[1\]\.address – .* the folder does not exist/);
  assert.match(admin, /^config\.yaml:4:19 admin\.address – .* the folder does not exist/);
  assert.deepEqual(others, []);
});

test('at the start it says how many clients there is room for, and warns of more than that', async () => {
  const child = serve(
    'listeners: [{ address: "127.0.0.1:0" }]',
    'admin: off',
    'limits: { connections: 1000 }',
  );
  let log = '';
  for await (const chunk of child.stdout) {
    log += String(chunk);
    if (log.includes('framegate serves')) child.kill('SIGTERM');
  }
  assert.match(
    log,
    /"msg":"there is room for 1000 clients at a time, 250 of one address \(limits\.connections\)"/,
  );
  assert.match(
    log,
    /"level":40,.*config\.yaml:3:24 limits\.connections – warning: the open files of this process \(500\) are enough for 268 clients/,
  );
});
