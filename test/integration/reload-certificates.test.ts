// Certificates are taken up when their files change, by themselves: for new connections, all or nothing, whichever way the
// files are replaced.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { generate } from 'selfsigned';
import { status } from '../../src/demo/grpc.ts';
import { type TestCertificate, testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { type ReloadingProxy, startReloadingProxy, tlsListener } from '../support/reloading-proxy.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const reload = { certificates: '100ms' };

/** The names in the certificate that a new connection gets. */
async function namesShown(proxy: ReloadingProxy): Promise<string> {
  const port = await proxy.process.port('tls');
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] },
      () => {
        resolve(socket.getPeerCertificate().subjectaltname ?? '');
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}

function shows(proxy: ReloadingProxy, name: string): Promise<true> {
  return eventually(`new connections get the certificate of ${name}`, async () => {
    return (await namesShown(proxy)).includes(name);
  });
}

/** As a whole, the way editors and certbot write. */
function replace(folder: string, name: string, content: string): void {
  writeFileSync(join(folder, `${name}.new`), content);
  renameSync(join(folder, `${name}.new`), join(folder, name));
}

async function started(
  t: TestContext,
  sections: Readonly<Record<string, unknown>> = {},
): Promise<ReloadingProxy> {
  const service = await startDemo(t);
  return startReloadingProxy(t, {
    upstreams: { voice: { endpoints: [service.address] } },
    reload,
    ...sections,
  });
}

test('replaced files are taken up, and connections that are open stay open', async (t) => {
  const proxy = await started(t);
  const { caPem } = proxy.process;
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('tls')}`, ca: caPem });
  t.after(() => client.close());
  const stream = client.streamAudio();
  await stream.headers;
  const other = await testCertificate('renewed.example', 'localhost');
  replace(proxy.folder, 'server.crt', other.certPem);
  replace(proxy.folder, 'server.key', other.keyPem);
  await shows(proxy, 'renewed.example');
  const line = await proxy.line('certificate reloaded');
  assert.deepEqual([line['listener'], line['subject']], ['tls', 'CN=renewed.example']);
  stream.send({ sequence: 1 });
  assert.equal((await stream.next())?.sequence, 1);
  assert.equal((await client.say({ text: 'on the same connection' })).code, status.OK);
  const { certificates, epoch } = await proxy.state();
  assert.deepEqual(
    certificates.map(({ listener, names }) => [listener, names.includes('renewed.example')]),
    [['tls', true]],
  );
  assert.equal(epoch, 1);
  stream.finish();
});

test('a certificate without its key is not used: the old pair serves on until the key is there', async (t) => {
  const proxy = await started(t);
  const other = await testCertificate('late-key.example');
  replace(proxy.folder, 'server.crt', other.certPem);
  const line = await proxy.line('changed TLS files cannot be used');
  assert.match(String(line['problem']), /server\.key does not belong to the certificate .*server\.crt/);
  assert.doesNotMatch(await namesShown(proxy), /late-key/);
  replace(proxy.folder, 'server.key', other.keyPem);
  await shows(proxy, 'late-key.example');
  const complaints = proxy.process.lines().filter(({ msg }) => String(msg).startsWith('changed TLS files'));
  assert.equal(complaints.length, 1);
});

function writePair(folder: string, { certPem, keyPem }: TestCertificate): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'tls.crt'), certPem);
  writeFileSync(join(folder, 'tls.key'), keyPem);
}

/** Never without a link, as `ln -sfn` and Kubernetes do it. */
function switchLink(target: string, link: string): void {
  symlinkSync(target, `${link}.new`);
  renameSync(`${link}.new`, link);
}

test('a switched folder, as Kubernetes has it, is taken up', async (t) => {
  const proxy = await started(t);
  const { folder } = proxy;
  writePair(join(folder, 'first'), await testCertificate('first.example'));
  switchLink('first', join(folder, '..data'));
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, join(folder, name));
  proxy.write({
    listeners: [{ ...tlsListener, tls: { certificates: [{ cert: 'tls.crt', key: 'tls.key' }] } }],
  });
  assert.equal((await proxy.reload()).status, 200);
  await shows(proxy, 'first.example');
  writePair(join(folder, 'second'), await testCertificate('second.example'));
  switchLink('second', join(folder, '..data'));
  await shows(proxy, 'second.example');
});

test('switched links, as certbot has them, are taken up', async (t) => {
  const proxy = await started(t);
  const { folder } = proxy;
  const pairs = [await testCertificate('archive-1.example'), await testCertificate('archive-2.example')];
  mkdirSync(join(folder, 'archive'));
  for (const [index, { certPem, keyPem }] of pairs.entries()) {
    writeFileSync(join(folder, 'archive', `fullchain${index + 1}.pem`), certPem);
    writeFileSync(join(folder, 'archive', `privkey${index + 1}.pem`), keyPem);
  }
  for (const name of ['fullchain', 'privkey'])
    switchLink(`archive/${name}1.pem`, join(folder, `${name}.pem`));
  proxy.write({
    listeners: [{ ...tlsListener, tls: { certificates: [{ cert: 'fullchain.pem', key: 'privkey.pem' }] } }],
  });
  assert.equal((await proxy.reload()).status, 200);
  for (const name of ['fullchain', 'privkey'])
    switchLink(`archive/${name}2.pem`, join(folder, `${name}.pem`));
  await shows(proxy, 'archive-2.example');
});

test('with reload.certificates off, a reload takes them up', async (t) => {
  const proxy = await started(t, { reload: { certificates: 'off' } });
  const other = await testCertificate('by-reload.example');
  replace(proxy.folder, 'server.crt', other.certPem);
  replace(proxy.folder, 'server.key', other.keyPem);
  assert.doesNotMatch(await namesShown(proxy), /by-reload/);
  assert.equal((await proxy.reload()).status, 200);
  assert.match(await namesShown(proxy), /by-reload/);
});

test('the authorities of an upstream are taken up for its next connection', async (t) => {
  const { certPem, keyPem, caPem } = await testCertificate('localhost', '127.0.0.1');
  const service = createServer({ cert: certPem, key: keyPem }, (_request, response) =>
    response.end('served'),
  );
  t.after(() => service.close());
  await once(service.listen(0, '127.0.0.1'), 'listening');
  const address = service.address();
  assert.ok(typeof address === 'object' && address !== null);
  const proxy = await startReloadingProxy(t, {
    upstreams: { voice: { endpoints: ['127.0.0.1:1'] } },
    reload,
  });
  const stranger = await generate([{ name: 'commonName', value: 'A stranger' }], { keyType: 'ec' });
  writeFileSync(join(proxy.folder, 'upstream.crt'), stranger.cert);
  const endpoints = [`127.0.0.1:${address.port}`];
  proxy.write({ upstreams: { voice: { protocol: 'http1', tls: { ca: 'upstream.crt' }, endpoints } } });
  assert.equal((await proxy.reload()).status, 200);
  const url = `http://127.0.0.1:${await proxy.process.port('clear')}/`;
  const refused = await fetch(url);
  assert.match(await refused.text(), /not trusted/);
  assert.equal(refused.status, 503);
  replace(proxy.folder, 'upstream.crt', caPem);
  await proxy.line('TLS files reloaded');
  assert.equal(await (await fetch(url)).text(), 'served');
});
