// A configuration that cannot be used changes nothing: it is refused with its place in the file, in the answer and in the
// log, and the one before serves on.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import {
  clearListener,
  type ReloadingProxy,
  startReloadingProxy,
  tlsListener,
} from '../support/reloading-proxy.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

async function takenPort(t: TestContext): Promise<number> {
  const server = createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

interface Broken {
  readonly name: string;
  /** What the first problem says behind FILE:. */
  readonly says: RegExp;
  readonly breakIt: (proxy: ReloadingProxy, t: TestContext) => void | Promise<void>;
}

const brokenConfigs: readonly Broken[] = [
  {
    name: 'a syntax error',
    says: /^\d+:\d+ – /,
    breakIt: (proxy) => proxy.writeText('listeners: [\nroutes: {'),
  },
  {
    name: 'a file that is not there',
    says: /^1:1 – cannot be read: there is no such file/,
    breakIt: (proxy) => rmSync(proxy.configFile),
  },
  {
    name: 'an upstream that is not defined',
    says: /^2:\d+ routes\[0\]\.upstream – there is no upstream 'nobody'/,
    breakIt: (proxy) => proxy.write({ routes: [{ match: { path: '/*' }, upstream: 'nobody' }] }),
  },
  {
    name: 'a certificate that is not there',
    says: /^1:\d+ listeners\[0\]\.tls\.certificates\[0\]\.cert – .*server\.crt does not exist/,
    breakIt: (proxy) => rmSync(join(proxy.folder, 'server.crt')),
  },
  {
    name: 'a key of another certificate',
    says: /^1:\d+ listeners\[0\]\.tls\.certificates\[0\]\.key – .*server\.key is not the key of/,
    breakIt: async (proxy) => {
      const other = await testCertificate('other.example');
      writeFileSync(join(proxy.folder, 'server.key'), other.keyPem);
    },
  },
  {
    name: 'an address that is taken',
    says: /^1:\d+ listeners\[2\]\.address – listener 'third' cannot listen on .*: something listens there already/,
    breakIt: async (proxy, t) => {
      const third = { name: 'third', address: `127.0.0.1:${await takenPort(t)}` };
      const fourth = { name: 'fourth', address: '127.0.0.1:0' };
      proxy.write({ listeners: [tlsListener, clearListener, third, fourth] });
    },
  },
  {
    name: 'an address that a listener of the running configuration has',
    says: /something listens there already.*listener 'clear' of the running configuration is there/,
    breakIt: async (proxy) => {
      const port = await proxy.process.port('clear');
      proxy.write({ listeners: [tlsListener, { name: 'clear', address: `0.0.0.0:${port}` }] });
    },
  },
  {
    name: 'an address of the admin server that is taken',
    says: /^4:\d+ admin\.address – the admin server cannot listen on /,
    breakIt: async (proxy, t) => proxy.write({ admin: { address: `127.0.0.1:${await takenPort(t)}` } }),
  },
  {
    name: 'an authority of an upstream that is not there',
    says: /^7:\d+ upstreams\.voice\.tls\.ca – .*missing\.crt does not exist/,
    breakIt: (proxy) =>
      proxy.write({
        upstreams: { voice: { protocol: 'h2', tls: { ca: 'missing.crt' }, endpoints: ['127.0.0.1:1'] } },
      }),
  },
];

for (const { name, says, breakIt } of brokenConfigs) {
  test(`${name} is refused with its place, and the configuration before serves on`, async (t) => {
    const service = await startDemo(t);
    const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: [service.address] } } });
    const port = await proxy.process.port('clear');
    const client = connectVoiceClient({ address: `localhost:${port}` });
    t.after(() => client.close());
    const stream = client.streamAudio();
    await stream.headers;
    await breakIt(proxy, t);
    const answer = await proxy.reload();
    assert.deepEqual([answer.status, answer.body.result], [422, 'refused']);
    const [problem] = answer.body.problems;
    assert.ok(problem.startsWith(`${proxy.configFile}:`), problem);
    assert.match(problem.slice(proxy.configFile.length + 1), says);
    const line = await proxy.line('reload refused');
    assert.deepEqual([line['level'], line['trigger'], line['problems']], [50, 'api', answer.body.problems]);
    const { epoch, reloads } = await proxy.state();
    assert.deepEqual([epoch, reloads.reloaded, reloads.refused], [1, 0, 1]);
    assert.deepEqual(reloads.lastError?.problems, answer.body.problems);
    stream.send({ sequence: 1 });
    assert.equal((await stream.next())?.sequence, 1);
    const another = connectVoiceClient({ address: `localhost:${port}` });
    t.after(() => another.close());
    assert.equal((await another.say({ text: 'as before' })).code, status.OK);
    stream.finish();
    const opened = proxy.process.lines().filter(({ msg }) => msg === 'listener is open');
    assert.equal(opened.length, 2);
  });
}

test('a reload that is refused leaves nothing open that it had opened', async (t) => {
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: ['127.0.0.1:1'] } } });
  const free = await takenPort(t);
  const path = join(proxy.folder, 'added.sock');
  const added = { name: 'added', address: `unix:${path}` };
  proxy.write({ listeners: [tlsListener, added, { name: 'taken', address: `127.0.0.1:${free}` }] });
  assert.equal((await proxy.reload()).status, 422);
  // Had it been left open, it would be taken now.
  proxy.write({ listeners: [tlsListener, added] });
  assert.equal((await proxy.reload()).status, 200);
});

test('a SIGHUP with a broken configuration is told in the log, and a watched file likewise', async (t) => {
  const upstreams = { voice: { endpoints: ['127.0.0.1:1'] } };
  const proxy = await startReloadingProxy(t, { upstreams, reload: { watch: '100ms' } });
  proxy.writeText('listeners: 1\n');
  const watched = await eventually('the change is seen', () =>
    proxy.process.lines().find(({ msg }) => String(msg).startsWith('reload refused')),
  );
  assert.equal(watched['trigger'], 'watch');
  proxy.process.signal('SIGHUP');
  await eventually('the signal is answered', () =>
    proxy.process.lines().find(({ trigger }) => trigger === 'SIGHUP'),
  );
  proxy.write({ limits: { headerFields: 99 } });
  await eventually('the fixed file is taken up', async () => (await proxy.state()).epoch === 2);
});
