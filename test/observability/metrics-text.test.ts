// The file of the Prometheus client that is loaded: the package does not document it, so that a new version may move it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join, sep } from 'node:path';
import { test } from 'node:test';

const metricsText = join(import.meta.dirname, '../../src/observability/metrics-text.ts');

test('the registry that is loaded is the one that the package documents', async () => {
  const documented = await import('@prometheus-io/client');
  // @ts-expect-error As in metrics-text.ts.
  const { default: loaded } = await import('@prometheus-io/client/lib/registry.js');
  assert.equal(loaded, documented.Registry);
});

test('a scrape loads the registry, and nothing that the package has for others', () => {
  const script = `
    import { createRequire } from 'node:module';
    const { renderMetrics } = await import(process.argv[1]);
    const before = Object.keys(createRequire(process.argv[1]).cache);
    await renderMetrics([]);
    console.log(JSON.stringify({ before, after: Object.keys(createRequire(process.argv[1]).cache) }));
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script, metricsText], {
    encoding: 'utf8',
  });
  const { before, after }: { readonly before: readonly string[]; readonly after: readonly string[] } =
    JSON.parse(output);
  assert.deepEqual(before, [], 'before the first scrape');
  const ofPackage = `${join('node_modules', '@prometheus-io', 'client', 'lib')}${sep}`;
  assert.deepEqual(
    after.filter((file) => !file.includes(ofPackage)),
    [],
    'an HTTP client and OpenTelemetry stay where they are',
  );
  const names = after.map((file) => file.split(ofPackage)[1]);
  assert.ok(names.includes('registry.js'), names.join());
  assert.ok(!names.includes('pushgateway.js') && !names.includes('defaultMetrics.js'), names.join());
});
