import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { portObstacle } from '../../scripts/port-obstacle.ts';
import { freePort } from '../support/free-port.ts';

async function listen(context: TestContext, host: string, port: number): Promise<void> {
  const server = createServer().listen(port, host);
  context.after(() => server.close());
  await once(server, 'listening');
}

test('nothing is in the way of a free port', async () => {
  assert.equal(await portObstacle('127.0.0.1', await freePort()), undefined);
});

test('the process that holds a port is named', async (context) => {
  const port = await freePort();
  await listen(context, '127.0.0.1', port);
  assert.match(
    (await portObstacle('127.0.0.1', port)) ?? '',
    new RegExp(`^\\S+ \\(process ${process.pid}\\) holds ${port}$`),
  );
});

test('a listener on ::1 is in the way of one on 0.0.0.0, because localhost leads to it', async (context) => {
  const port = await freePort();
  try {
    await listen(context, '::1', port);
  } catch {
    context.skip('this machine has no ::1');
    return;
  }
  assert.match((await portObstacle('0.0.0.0', port)) ?? '', /listens on \[::1\]/);
});

test('an address of another machine is told', async () => {
  assert.match(
    (await portObstacle('192.0.2.1', 8443)) ?? '',
    /^192\.0\.2\.1:8443 is no address of this machine$/,
  );
});
