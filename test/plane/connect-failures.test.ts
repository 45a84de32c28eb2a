import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectFailures } from '../../src/plane/connect-failures.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

async function configFor(minTtl: string) {
  const dns = { name: 'voice.test', port: 1, minTtl, maxTtl: '1h' };
  const upstreams = { named: { dns }, listed: { endpoints: ['127.0.0.1:1'] }, pushed: { endpoints: 'api' } };
  const routes = [{ match: { path: '/*' }, upstream: 'named' }];
  return configOf(await proxyConfigText({ sections: { upstreams, routes } }));
}

test('the control process is told of upstreams with a name in DNS alone, once in each minTtl, whoever finds out', async () => {
  const failures = new ConnectFailures();
  const told: string[] = [];
  failures.note('named');
  failures.onTold = (upstream) => told.push(upstream);
  failures.note('named');
  assert.deepEqual(told, [], 'no configuration is in force');
  failures.use(await configFor('1h'));
  for (let call = 0; call < 1000; call++)
    for (const name of ['named', 'listed', 'pushed']) failures.note(name);
  assert.deepEqual(told, ['named']);
  failures.use(configOf(await proxyConfigText({})));
  failures.note('named');
  failures.use(await configFor('1h'));
  failures.note('named');
  assert.deepEqual(told, ['named', 'named'], 'an upstream that comes back begins anew');
});
