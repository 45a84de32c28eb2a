// A proxy that does not trace loads none of OpenTelemetry's packages, and one that does loads those of its protocol alone.

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
const { startProxy } = await import('../support/proxy-under-test.ts');

function packagesWith(part: string): readonly string[] {
  return loaded.filter((url) => url.includes(part));
}

test('OpenTelemetry is loaded where trace is set, and nowhere else', async (t) => {
  const proxy = await startProxy(t, {});
  await proxy.close();
  assert.ok(packagesWith('/src/tracing/tracing.ts').length > 0, 'the hooks see what is loaded');
  assert.deepEqual(packagesWith('node_modules/@opentelemetry/'), []);
  const traced = await startProxy(t, { sections: { trace: { exporter: 'http://127.0.0.1:1' } } });
  await traced.close();
  assert.ok(packagesWith('exporter-trace-otlp-proto').length > 0);
  assert.deepEqual(packagesWith('exporter-trace-otlp-grpc'), []);
});
