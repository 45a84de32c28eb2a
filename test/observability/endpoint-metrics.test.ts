import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndpointMetrics } from '../../src/observability/endpoint-metrics.ts';
import { valuesOf } from '../support/metrics-reader.ts';

test('an upstream whose endpoints come and go for ever is counted in bounded memory, and nothing is lost', () => {
  const metrics = new EndpointMetrics();
  const addresses = Array.from({ length: 12_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}:80`);
  for (const address of addresses) metrics.of('voice', address).attemptEnded('answered');
  metrics.of('voice', addresses[0]).attemptEnded('answered');
  assert.equal(metrics.labelOf('voice', addresses[0]), addresses[0]);
  assert.equal(metrics.labelOf('voice', addresses[11_999]), 'other');
  const [family] = metrics.families();
  const attempts = valuesOf(family).filter(({ labels }) => labels['outcome'] === 'answered');
  assert.equal(attempts.length, 10_001);
  assert.equal(
    attempts.reduce((sum, { value }) => sum + value, 0),
    12_001,
  );
  assert.equal(attempts.find(({ labels }) => labels['endpoint'] === 'other')?.value, 2000);
});
