import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { configReport } from '../../src/control/config-report.ts';
import { olderEpochs } from '../../src/plane/older-epochs.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

function call(epoch: number, seconds: number) {
  return { subject: { snapshot: { epoch } }, durationMs: seconds * 1000 };
}

test('exchanges on older configurations are told by epoch, with the age of the oldest', () => {
  const calls = [call(3, 1), call(1, 48.9), call(2, 5), call(1, 7), call(3, 2)];
  assert.deepEqual(olderEpochs(3, calls), [
    { epoch: 1, exchanges: 2, oldestSeconds: 48 },
    { epoch: 2, exchanges: 1, oldestSeconds: 5 },
  ]);
});

test('the configuration is shown as resolved, without values that routes ask for', async () => {
  const headers = { 'x-api-key': 'hunter2', 'x-tenant': 'blue' };
  const routes = [{ name: 'r', match: { path: '/*', headers }, upstream: 'voice' }];
  const config = configOf(await proxyConfigText({ sections: { routes } }));
  const current = { epoch: 1, config, loadedAtEpochMs: 0, warnings: ['f:1:1 x – warning: y'] };
  const reloads = { reloaded: 0, refused: 0, failed: 0, last: undefined, lastError: undefined };
  const text = JSON.stringify(
    configReport(current, { calls: 0, olderEpochs: [], processes: [] }, [], reloads),
  );
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /"x-api-key":"\[redacted\]","x-tenant":"\[redacted\]"/);
  assert.match(text, /"epoch":1,/);
  assert.match(text, /"warnings":\["f:1:1 x – warning: y"\]/);
  assert.match(text, /"timeoutMs":0/);
});

test('each listener, route and upstream says where it was written', () => {
  const text = [
    'listeners: [{ name: public, address: 127.0.0.1:8080 }]',
    'upstreams:',
    '  voice: { endpoints: ["127.0.0.1:50051"] }',
    'routes:',
    '  - { name: all, match: { path: /* }, upstream: voice }',
  ].join('\n');
  const loaded = parseConfig(text, 'f.yaml');
  assert.ok(!('problems' in loaded));
  const current = { epoch: 1, config: loaded.config, loadedAtEpochMs: 0, warnings: [], origins: loaded };
  const reloads = { reloaded: 0, refused: 0, failed: 0, last: undefined, lastError: undefined };
  const report = configReport(current, { calls: 0, olderEpochs: [], processes: [] }, [], reloads);
  assert.deepEqual(report['origins'], {
    listeners: { public: 'f.yaml:1:13' },
    routes: { all: 'f.yaml:5:5' },
    upstreams: { voice: 'f.yaml:3:3' },
  });
});
