// deploy/prometheus as Prometheus' own tool judges it, and the metrics of a running proxy likewise.

import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { configOf, ProxyUnderTest, proxyConfigText } from '../support/proxy-under-test.ts';
import type { CaseContext, DeployCase } from './cases.ts';
import { run } from './commands.ts';

const source = join(import.meta.dirname, '../../deploy/prometheus');
const needs = { 'dpkg-deb': 'dpkg' };
const unpacks = { promtool: 'prometheus' };

/** Calls of several kinds have been made, and one that no route takes. */
async function metricsOfBusyProxy({ after }: CaseContext): Promise<string> {
  const demo = await startDemoService({ address: '127.0.0.1:0' });
  after(() => demo.forceClose());
  const routes = [{ name: 'quoted "\\"', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice' }];
  const endpoints = [demo.address, '127.0.0.1:1'];
  const sections = { routes, admin: { address: '127.0.0.1:0' } };
  const proxy = await ProxyUnderTest.start(configOf(await proxyConfigText({ endpoints, sections })));
  after(() => proxy.close());
  const client = proxy.voiceClient('tls');
  await client.say({ text: 'hello' });
  await client.fail({ code: 5 });
  await client.narrate({ text: 'one two' });
  const raw = await proxy.rawClient('clear');
  await raw.outcome(raw.call({ path: '/no.Such/Method' }));
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const text = await (await fetch(`http://${String(address)}/metrics`)).text();
  assert.match(text, /^framegate_exchanges_total\{[^\n]*grpc_status="UNIMPLEMENTED"/m);
  return text;
}

export const prometheusCases: readonly DeployCase[] = [
  {
    name: 'promtool finds nothing wrong with the configuration and the alerts for Prometheus',
    needs,
    unpacks,
    needsRoot: false,
    async run() {
      await run(['promtool', 'check', 'config', '--lint-fatal', join(source, 'prometheus.yaml')]);
      await run(['promtool', 'check', 'rules', '--lint-fatal', join(source, 'framegate-alerts.yaml')]);
    },
  },
  {
    name: 'alerts fire for what they are for, and for nothing else',
    needs,
    unpacks,
    needsRoot: false,
    async run({ folder }) {
      copyFileSync(join(source, 'framegate-alerts.yaml'), join(folder, 'framegate-alerts.yaml'));
      const tests = join(folder, 'tests.yaml');
      copyFileSync(join(import.meta.dirname, 'prometheus-alerts.yaml'), tests);
      await run(['promtool', 'test', 'rules', tests]);
    },
  },
  {
    name: 'promtool finds nothing to remark on /metrics of a busy proxy',
    needs,
    unpacks,
    needsRoot: false,
    async run(context) {
      const file = join(context.folder, 'metrics.txt');
      writeFileSync(file, await metricsOfBusyProxy(context));
      assert.equal(await run(['sh', '-c', `promtool check metrics < ${file} 2>&1`]), '');
    },
  },
];
