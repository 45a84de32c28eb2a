// Who holds the ports of a configuration: a Framegate with admin: off, a Framegate with another configuration, the server that Framegate
// is about to replace.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { framegateFileOf } from '../../src/doctor/framegate-process.ts';
import { ChildProxy } from '../support/child-proxy.ts';
import { freePort } from '../support/free-port.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { assertFirst, diagnose, diagnoseBroken, folderOf, healthyConfig } from './patient.ts';

test('a Framegate with this configuration and admin: off is not to be stopped', async (t) => {
  const demo = await startDemo(t);
  const proxy = await ChildProxy.start(t, { endpoints: [demo.address] });
  const reports = await diagnose(t, { file: proxy.file, only: ['ports'] });
  assert.deepEqual(
    reports.map(({ verdict }) => verdict),
    ['note'],
    JSON.stringify(reports),
  );
  const [held, hint] = reports[0].findings;
  assert.equal(held.text, `held by the Framegate that runs with ${proxy.file} (process ${proxy.pid})`);
  assert.match(hint.text, /it has admin: off/);
  assert.match(hint.remedy ?? '', new RegExp(`framegate doctor -c .* 127\\.0\\.0\\.1:${proxy.port}$`));
});

test('a Framegate with another configuration holds the admin port, and is not examined in place of this one', async (t) => {
  const demo = await startDemo(t);
  const admin = { address: `127.0.0.1:${await freePort()}` };
  const proxy = await ChildProxy.start(t, { endpoints: [demo.address], sections: { admin } });
  const reports = await diagnose(t, { config: await healthyConfig(demo.address, { admin }) });
  assertFirst(reports, {
    check: new RegExp(`^ports\\.${admin.address}$`),
    says: new RegExp(`held by a Framegate that runs with another configuration, ${proxy.file}`),
  });
  const verdicts = new Map(reports.map(({ id, verdict }) => [id, verdict]));
  assert.equal(verdicts.get('through.listener.clear'), 'ok');
  const through = reports.find(({ id }) => id === 'through.proxy');
  assert.match(through?.findings[0].text ?? '', /free ports of loopback/);
});

test('a Framegate with another configuration and admin: off is named with its file', async (t) => {
  const demo = await startDemo(t);
  const proxy = await ChildProxy.start(t, { endpoints: [demo.address] });
  const listeners = [{ name: 'clear', address: `127.0.0.1:${proxy.port}` }];
  const reports = await diagnose(t, { config: await healthyConfig(demo.address, { listeners }) });
  assertFirst(reports, {
    check: /^ports\./,
    says: new RegExp(`another configuration, ${proxy.file} \\(process ${proxy.pid}\\)`),
  });
});

test('an nginx on the port is no fault, but what Framegate is to replace', async (t) => {
  const [port, program] = [await freePort(), join(folderOf(t), 'nginx')];
  symlinkSync(process.execPath, program);
  const script = `require('node:net').createServer().listen(${port}, '127.0.0.1', () => console.log('listens'))`;
  const child = spawn(program, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const listeners = [{ name: 'clear', address: `127.0.0.1:${port}` }];
  const reports = await diagnoseBroken(t, { listeners });
  assertFirst(reports, {
    check: /^ports\./,
    says: new RegExp(`^nginx serves on 127\\.0\\.0\\.1:${port} now \\(process ${child.pid}\\)`),
    verdict: 'warning',
  });
});

test('the command line of a Framegate names its configuration, and that of another program nothing', () => {
  const main = join(import.meta.dirname, '../../src/main.ts');
  assert.equal(fileOf('/usr/bin/node', '--flag', '/usr/bin/framegate', 'serve', '-c', 'a.yaml'), 'a.yaml');
  assert.equal(fileOf('node', main, 'serve', '--config=b.yaml'), 'b.yaml');
  assert.equal(fileOf('node', main, 'serve', 'c.yaml'), 'c.yaml');
  assert.equal(fileOf('framegate', 'serve'), 'config.yaml');
  assert.equal(fileOf('node', '/srv/other/main.js', '-c', 'd.yaml'), undefined);
  assert.equal(fileOf('tail', 'framegate', '-c', '5'), undefined);
  assert.equal(fileOf(), undefined);
});

function fileOf(...words: readonly string[]): string | undefined {
  return framegateFileOf({ words, folder: '/' });
}
