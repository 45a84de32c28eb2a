// The admin server is under the configuration that it reloads.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startReloadingProxy } from '../support/reloading-proxy.ts';

test('the admin server moves: who asked is still answered, and then it listens elsewhere only', async (t) => {
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: ['127.0.0.1:1'] } } });
  const socketPath = join(proxy.folder, 'admin.sock');
  proxy.write({ admin: { address: `unix:${socketPath}` } });
  const answer = await proxy.reload();
  assert.deepEqual([answer.status, answer.body.result, answer.body.epoch], [200, 'reloaded', 2]);
  const line = await proxy.line('configuration reloaded');
  assert.match(`${String(line['trigger'])} ${String(line['client'])}`, /^api 127\.0\.0\.1:\d+$/);
  await eventually('the old address is closed', () =>
    proxy.ask('GET', '/live').then(
      () => false,
      ({ code }) => code === 'ECONNREFUSED',
    ),
  );
  const sent = request({ socketPath, path: '/ready', agent: false }).end();
  const [response]: IncomingMessage[] = await once(sent, 'response');
  assert.equal(response.statusCode, 200);
  response.resume();
});

test('admin: off closes it, and SIGHUP opens it again', async (t) => {
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: ['127.0.0.1:1'] } } });
  const port = await proxy.process.port('admin');
  proxy.write({ admin: 'off' });
  assert.equal((await proxy.reload()).status, 200);
  await eventually('it is closed', () =>
    proxy.ask('GET', '/live').then(
      () => false,
      () => true,
    ),
  );
  proxy.write({ admin: { address: `127.0.0.1:${port}` } });
  proxy.process.signal('SIGHUP');
  // Open a moment before the new configuration is in use.
  await eventually('it is open, and shows the new configuration', () =>
    proxy.state().then(
      ({ epoch }) => epoch === 3,
      () => false,
    ),
  );
});

test('a reload reads the token again, keeps the address open, and refuses a token that cannot be read', async (t) => {
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: ['127.0.0.1:1'] } } });
  const port = await proxy.process.port('admin');
  const file = join(proxy.folder, 'token');
  // The address as it was, though the port in use is another: the server must stay as it is.
  const admin = { address: '127.0.0.1:0', token: { file } };
  const askWith = async (token: string, path: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers });
    await response.body?.cancel();
    return response.status;
  };
  writeFileSync(file, 'the-first-token-of-this-test');
  proxy.write({ admin });
  assert.equal((await proxy.reload()).status, 200);
  assert.equal(await askWith('no-token-at-all', '/api/reload'), 401);
  writeFileSync(file, 'the-second-token-of-this-test\n');
  assert.equal(await askWith('the-first-token-of-this-test', '/api/reload'), 200);
  assert.equal(await askWith('the-first-token-of-this-test', '/api/reload'), 401);
  rmSync(file);
  assert.equal(await askWith('the-second-token-of-this-test', '/api/reload'), 422);
  // Reading needs no token on loopback, and shows where the token is but not the token.
  const shown = await (await fetch(`http://127.0.0.1:${port}/api/config`)).text();
  assert.ok(shown.includes(JSON.stringify(file)));
  assert.doesNotMatch(shown, /of-this-test/);
});
