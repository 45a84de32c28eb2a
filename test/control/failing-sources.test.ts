// A source that cannot start: the proxy does not either, and leaves nothing open.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { Source } from '../../src/sources/source.ts';
import { freePort } from '../support/free-port.ts';
import { startProxy } from '../support/proxy-under-test.ts';

test('a proxy whose source cannot start closes its listeners and its admin port', async (t) => {
  const ports = [await freePort(), await freePort()];
  const failing: Source = {
    start: () => assert.fail('the source is not there'),
    judged: () => undefined,
    close: () => undefined,
  };
  const sections = {
    listeners: [{ address: `127.0.0.1:${ports[0]}` }],
    admin: { address: `127.0.0.1:${ports[1]}` },
  };
  await assert.rejects(
    startProxy(t, { endpoints: ['127.0.0.1:1'], sections, sources: [failing] }),
    /the source is not there/,
  );
  for (const port of ports) {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
  }
});
