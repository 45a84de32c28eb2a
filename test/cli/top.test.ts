// framegate top as a process, against a proxy that is one too.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import { clearListener, startReloadingProxy } from '../support/reloading-proxy.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

function start(argv: readonly string[]) {
  const env = { ...process.env, FORCE_COLOR: undefined };
  return spawn(process.execPath, [main, 'top', ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function run(...argv: readonly string[]) {
  const child = start(argv);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

suite('framegate top', () => {
  test('shows what a running proxy does, and ends at Ctrl-C', async (t) => {
    const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
    const proxy = await startReloadingProxy(t, {
      listeners: [clearListener],
      upstreams: { voice: { endpoints: [service.address] } },
    });
    const [port, adminPort] = [await proxy.process.port('clear'), await proxy.process.port('admin')];
    const admin = `127.0.0.1:${adminPort}`;
    const client = await connectRawClient({ port });
    t.after(() => client.destroy());
    const held = client.call({ path: '/a.B/Held', endStream: false });
    const child = start(['--admin', admin, '--json']);
    t.after(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      output += piece;
    });
    const seen = await eventually(
      'the calls are shown',
      async () => {
        await client.outcome(client.call({ path: '/a.B/C', body: grpcMessage(Buffer.alloc(3)) }));
        const lines = output.split('\n').slice(0, -1);
        return lines.map((line) => JSON.parse(line)).find(({ callsPerSecond }) => callsPerSecond > 0);
      },
      START_TIMEOUT_MS,
    );
    assert.equal(seen.inFlight.total >= 1, true);
    assert.equal(seen.connections, 1);
    const [route] = seen.routes;
    assert.deepEqual([route.route, route.upstream, route.failuresPerSecond], ['all', 'voice', 0]);
    assert.ok(route.p50Ms > 0 && route.p99Ms >= route.p50Ms);
    const [endpoint] = seen.endpoints;
    assert.deepEqual(
      [endpoint.upstream, endpoint.endpoint, endpoint.isHealthy],
      ['voice', service.address, true],
    );
    assert.ok(endpoint.attemptsPerSecond > 0 && endpoint.active >= 1 && endpoint.meanMs > 0);
    child.kill('SIGINT');
    await once(child, 'close');
    assert.equal(child.exitCode, 0);

    const page = await run('--admin', admin, '--once');
    assert.equal(page.code, 0, page.stderr);
    assert.match(
      page.stdout,
      /^127\.0\.0\.1:\d+ .* 1 in flight, 1 connection of a client\nblocked: \d by their client, \d by/,
    );
    assert.match(page.stdout, /^all +voice +\S+ +0 +1 +\S+/m);
    assert.match(page.stdout, new RegExp(`^voice +${service.address} +0 +0 +0 +1 +-$`, 'm'));
    client.sendReset(held, 8);
  });

  test('says that there is no proxy, that it is another program, or what is wrong with an option', async (t) => {
    const web = createServer((_request, response) => response.end('framegate_exchanges_active'));
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    t.after(() => web.close());
    const bound = web.address();
    assert.ok(bound !== null && typeof bound === 'object');
    const cases: readonly (readonly [argv: readonly string[], says: RegExp])[] = [
      [['--admin', `127.0.0.1:${await freePort()}`], /nothing listens on/],
      [['--admin', `127.0.0.1:${bound.port}`], /is no admin server of a Framegate that lists its calls/],
      [['--interval', '0'], /--interval must be a whole number of seconds/],
      [['--jsn'], /Did you mean --json\?/],
    ];
    for (const [argv, says] of cases) {
      const finished = await run(...argv);
      assert.equal(finished.code, 1);
      assert.match(finished.stderr, says);
      assert.equal(finished.stdout, '');
    }
  });
});
