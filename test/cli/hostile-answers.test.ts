// What a command asks may be any program. No value in its answer, whatever its type, makes the command fail with a stack trace.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { listen } from '../edges/edge-under-test.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

/** Values that are no text and no number, and cannot be turned into one. */
const VALUES: readonly unknown[] = [
  { toString: 1 },
  { valueOf: null, toString: null },
  [[{}]],
  null,
  'x',
  true,
];

function answerOf(value: unknown): unknown {
  const endpoint = {
    address: value,
    state: value,
    sentence: value,
    activeCalls: value,
    connections: { ready: value },
  };
  const panic = { usable: value, of: value, priority: value };
  return {
    epoch: value,
    calls: value,
    total: value,
    matching: value,
    processes: [{ connections: { open: value }, memory: value }, value],
    workers: [{ worker: value, pid: value, connections: value }, value],
    certificates: [{ daysLeft: value, names: value, file: value }, value],
    upstreams: [{ name: value, pending: value, panic, endpoints: [endpoint, value] }, value],
    recent: [{ token: value, count: value, lastAtEpochMs: value }, value],
    clients: [{ library: value, version: value, connections: value }, value],
    config: { file: value, upstreams: value },
    reloads: value,
    warnings: [value],
  };
}

async function start(t: TestContext, value: unknown): Promise<string> {
  const metrics = 'framegate_exchanges_active 1\n';
  const server = createServer((request, response) => {
    const isMetrics = request.url === '/metrics';
    const isStream = request.url?.startsWith('/api/events') === true;
    response.setHeader('content-type', isStream ? 'text/event-stream' : 'application/json');
    const event = { event: 'dropped', events: value, method: value, durationMs: value };
    if (isStream) response.end(`data: ${JSON.stringify(event)}\n\n`);
    else response.end(isMetrics ? metrics : JSON.stringify(answerOf(value)));
  });
  return `127.0.0.1:${await listen(t, server)}`;
}

for (const value of VALUES) {
  test(`commands bear ${JSON.stringify(value)} wherever it stands`, async (t) => {
    const admin = await start(t, value);
    const commands = [['status'], ['top', '--once'], ['reload']];
    for (const command of commands) {
      const child = spawn(process.execPath, [main, ...command, '--admin', admin], {
        stdio: ['ignore', 'pipe', 'pipe'],
        cwd: import.meta.dirname,
      });
      const [stdout, stderr] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ]);
      assert.doesNotMatch(`${stdout}${stderr}`, /TypeError|^ +at .*\.ts:/m, command.join(' '));
      assert.equal(child.signalCode, null);
    }
  });
}
