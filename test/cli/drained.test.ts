// Waiting for a proxy that drains, with admin servers of the test's own.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type TestContext, test } from 'node:test';
import { drain } from '../../src/cli/drain.ts';
import { untilDrained } from '../../src/cli/drained.ts';
import { parseAddress } from '../../src/config/address.ts';
import { isFault } from '../../src/config/problem.ts';
import type { AdminTarget } from '../../src/control/admin-target.ts';

interface Pages {
  readonly target: AdminTarget;
  readonly server: Server;
  readonly methods: string[];
}

/** @param next the status of /ready and the number of calls, for each look */
async function startPages(
  t: TestContext,
  next: (server: Server) => { readonly ready: number; readonly calls: unknown },
): Promise<Pages> {
  const methods: string[] = [];
  const server = createServer((request, response) => {
    methods.push(request.method ?? '');
    const { ready, calls } = request.url === '/ready' ? next(server) : shown;
    shown = { ready, calls };
    response.writeHead(request.url === '/ready' ? ready : 200, { connection: 'close' });
    response.end(request.url === '/ready' ? 'draining' : JSON.stringify({ calls }));
  });
  let shown: { readonly ready: number; readonly calls: unknown } = { ready: 503, calls: 0 };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const bound = server.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  const address = parseAddress(`127.0.0.1:${bound.port}`, 'connect');
  assert.ok(!isFault(address));
  return { target: { address }, server, methods };
}

test('it ends when nothing listens any more, and tells each change of the number of calls', async (t) => {
  const counts = [2, 2, 1, 0];
  const { target, methods } = await startPages(t, (server) => {
    const calls = counts.shift();
    if (counts.length === 0) server.close();
    return { ready: 503, calls };
  });
  const told: number[] = [];
  const outcome = await untilDrained(target, {
    mostMs: undefined,
    everyMs: 1,
    onCalls: (calls) => told.push(calls),
  });
  assert.equal(outcome, 'ended');
  assert.deepEqual(told.slice(0, 2), [2, 1]);
  assert.ok(
    methods.every((method) => method === 'GET'),
    'another proxy may be there by now, and must not be drained as well',
  );
});

test('a proxy that takes calls at that address is another one', async (t) => {
  const states = [503, 503, 200];
  const { target } = await startPages(t, () => ({ ready: states.shift() ?? 200, calls: 1 }));
  assert.equal(
    await untilDrained(target, { mostMs: undefined, everyMs: 1, onCalls: () => undefined }),
    'replaced',
  );
});

test('it waits no longer than it is told', async (t) => {
  const { target } = await startPages(t, () => ({ ready: 503, calls: 'no number' }));
  const told: number[] = [];
  const outcome = await untilDrained(target, {
    mostMs: 20,
    everyMs: 5,
    onCalls: (calls) => told.push(calls),
  });
  assert.deepEqual([outcome, told], ['late', []]);
});

for (const argv of [
  ['--within', '5'],
  ['--wait', '--within', '0'],
  ['--wait', '--within', 'soon'],
]) {
  test(`drain ${argv.join(' ')} asks nothing`, async (t) => {
    let written = '';
    t.mock.method(process.stderr, 'write', (text: string) => {
      written += text;
      return true;
    });
    assert.equal(await drain([...argv, '--admin', '127.0.0.1:1']), 1);
    assert.match(written, /--within (?:goes with --wait|takes seconds)/);
  });
}
