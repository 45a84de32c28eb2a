// The end of a process, as an operator asks for it and sees it: by a signal or by POST /api/drain, with a delay for load
// balancers, and with what it still waits for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo, startRawUpstream } from '../support/proxy-under-test.ts';
import { startReloadingProxy } from '../support/reloading-proxy.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

test('with drain.delay it is not ready at once, and still serves new connections for so long', async (t) => {
  const service = await startDemo(t);
  const proxy = await startReloadingProxy(t, {
    upstreams: { voice: { endpoints: [service.address] } },
    drain: { timeout: '0s', delay: '1h' },
  });
  const port = await proxy.process.port('clear');
  proxy.process.signal('SIGTERM');
  await eventually('it is not ready', async () => (await proxy.ask('GET', '/ready')).status === 503);
  const client = connectVoiceClient({ address: `localhost:${port}` });
  t.after(() => client.close());
  assert.equal((await client.say({ text: 'late' })).code, status.OK);
  proxy.process.signal('SIGTERM');
  assert.equal(await proxy.process.exit(), 1);
});

test('POST /api/drain ends the process as SIGTERM does, and tells what it waits for', async (t) => {
  const service = await startRawUpstream(t);
  const proxy = await startReloadingProxy(t, {
    upstreams: { voice: { endpoints: [service.address] } },
    drain: { timeout: 'off' },
  });
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  const call = client.say({ text: 'patience' });
  const running = await service.wantRequest();
  const answer = await proxy.ask('POST', '/api/drain');
  assert.deepEqual([answer.status, answer.body], [202, { state: 'draining', calls: 1 }]);
  const stopping = await proxy.line('POST /api/drain from ');
  assert.match(String(stopping['msg']), /^POST \/api\/drain from 127\.0\.0\.1:\d+: stopping$/);
  assert.equal((await proxy.ask('POST', '/api/drain')).status, 202);
  const progress = await proxy.line('draining: 1 call left, oldest ');
  assert.match(String(progress['msg']), /oldest \d+ s, \/voice\.VoiceAssistant\/Say$/);
  running.succeed();
  assert.equal((await call).code, status.OK);
  assert.equal(await proxy.process.exit(), 0);
});

test('a draining process does not reload, and says so', async (t) => {
  const service = await startRawUpstream(t);
  const proxy = await startReloadingProxy(t, {
    upstreams: { voice: { endpoints: [service.address] } },
    drain: { timeout: 'off' },
  });
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  const call = client.say({ text: 'patience' });
  const running = await service.wantRequest();
  proxy.process.signal('SIGTERM');
  await proxy.line('draining');
  proxy.process.signal('SIGHUP');
  await proxy.line('reload ignored: the proxy is draining');
  const { status: httpStatus, body } = await proxy.reload();
  assert.deepEqual([httpStatus, body.result, body.problems], [409, 'ignored', ['the proxy is draining']]);
  running.succeed();
  assert.equal((await call).code, status.OK);
  assert.equal(await proxy.process.exit(), 0);
});
