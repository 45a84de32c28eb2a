// Processes that carry calls load none of OpenTelemetry's packages, and the one that exports spans loads those of its protocol alone.

import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';

const loaded: string[] = [];
registerHooks({
  load(url, context, nextLoad) {
    loaded.push(url);
    return nextLoad(url, context);
  },
});
// After the hooks, which see only what is loaded from now on.
const { startDemo, startProxy } = await import('../support/proxy-under-test.ts');
const { startHttpCollector } = await import('../support/collector.ts');

function packagesWith(part: string): readonly string[] {
  return loaded.filter((url) => url.includes(part));
}

test('a process that carries calls loads nothing of OpenTelemetry, whether it traces or not', async (t) => {
  const proxy = await startProxy(t, {});
  await proxy.close();
  assert.ok(packagesWith('/src/tracing/tracing.ts').length > 0, 'the hooks see what is loaded');
  const collector = await startHttpCollector(t);
  const trace = { exporter: collector.exporter, sample: '100%' };
  const demo = await startDemo(t);
  const traced = await startProxy(t, { endpoints: [demo.address], sections: { trace } });
  assert.equal((await traced.voiceClient('clear').say({ text: 'hello' })).code, 0);
  await collector.want(2);
  assert.deepEqual(packagesWith('node_modules/@opentelemetry/'), []);
  assert.deepEqual(packagesWith('/src/tracing/run-exporter.ts'), []);
});

test('the process that exports spans loads the packages of its protocol alone', async () => {
  const { loadExporter } = await import('../../src/tracing/run-exporter.ts');
  assert.deepEqual(packagesWith('node_modules/@opentelemetry/'), []);
  const source = { service: 'framegate', version: '1', instance: 'one' };
  await loadExporter({ protocol: 'http', url: 'http://127.0.0.1:1', headers: new Map(), source });
  assert.ok(packagesWith('exporter-trace-otlp-proto').length > 0);
  assert.deepEqual(packagesWith('exporter-trace-otlp-grpc'), []);
});
