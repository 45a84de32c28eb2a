// limit_req of nginx as `limits` of routes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { placeText } from '../../src/nginx-import/directive.ts';
import { importNginx, lostAccess } from '../../src/nginx-import/import-nginx.ts';
import { formatReport } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';
import { verifyImport } from '../../src/nginx-import/verify-import.ts';

const pass = 'grpc_pass grpc://127.0.0.1:50051;';
const byClient = 'limit_req_zone $binary_remote_addr zone=z:1m rate=10r/s;';

interface Outcome {
  readonly limits: readonly unknown[];
  readonly lost: readonly string[];
  readonly report: string;
}

/** What becomes of the limits of each route. */
function limitsOf(text: string): Outcome {
  const reading = readNginxText(text, 'x', '/etc/nginx');
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  const imported = importNginx(reading.configuration);
  const { problems, isUsable } = verifyImport(imported.yaml ?? '', '/etc/framegate/config.yaml');
  assert.ok(isUsable, JSON.stringify(problems));
  const document: { readonly routes: readonly { readonly limits?: unknown }[] } = parse(imported.yaml ?? '');
  return {
    limits: document.routes.map(({ limits }) => limits),
    lost: lostAccess(imported).map(placeText),
    report: formatReport(imported),
  };
}

function inLocation(rules: string, zones = byClient): Outcome {
  return limitsOf(`${zones} server { listen 80; location / {\n${rules} ${pass} } }`);
}

test('as many calls pass at once as in nginx, which counts from the call after the first', () => {
  const limit = { count: 'calls', rate: '10/s', by: ['client'] };
  assert.deepEqual(inLocation('limit_req zone=z;').limits[0], [{ ...limit, burst: 1 }]);
  assert.deepEqual(inLocation('limit_req zone=z burst=20 nodelay;').limits[0], [{ ...limit, burst: 21 }]);
  assert.deepEqual(inLocation('limit_req burst=20 zone=z;').limits[0], [{ ...limit, burst: 21 }]);
});

test('calls are counted by the parts of the key', () => {
  for (const [key, by] of [
    ['$remote_addr', ['client']],
    ['$http_x_tenant', ['header:x-tenant']],
    ['$server_name', ['route']],
    ['"$binary_remote_addr:${http_x_tenant}"', ['client', 'header:x-tenant']],
    ['$http_x_tenant$http_x_room', ['header:x-tenant', 'header:x-room']],
    // The key is never empty, so nginx counts calls without the fields.
    ['"$http_x_tenant:$http_x_room"', ['header:x-tenant', 'header:x-room', 'route']],
  ] as const) {
    const { limits, lost } = inLocation('limit_req zone=z;', `limit_req_zone ${key} zone=z:1m rate=6r/m;`);
    assert.deepEqual(limits, [[{ count: 'calls', rate: '6/m', burst: 1, by }]], key);
    assert.deepEqual(lost, []);
  }
});

test('a limit that cannot be said is lost at its route', () => {
  for (const key of ['$uri', '$http_host', '$cookie_a', 'text$remote_addr', '$limited'])
    assert.deepEqual(
      inLocation('limit_req zone=z;', `limit_req_zone ${key} zone=z:1m rate=6r/m;`).lost,
      ['x:2'],
      key,
    );
  assert.deepEqual(inLocation('limit_req zone=other;').lost, ['x:2']);
  assert.deepEqual(inLocation('limit_req zone=z burst=$x;').lost, ['x:2']);
  assert.deepEqual(inLocation('limit_req zone=z;', byClient.replace('10r/s', 'fast')).lost, ['x:2']);
});

test('a limit by the address of the client is lost where that is another address', () => {
  const { limits, lost } = inLocation('limit_req zone=z;', `${byClient} set_real_ip_from 10.0.0.0/8;`);
  assert.deepEqual([limits, lost], [[undefined], ['x:2']]);
});

test('one zone for several routes is said to let more calls pass', () => {
  const { limits, report } = limitsOf(`\n${byClient} server { listen 80; limit_req zone=z;
    location /a/ { ${pass} } location /b/ { ${pass} } }`);
  assert.deepEqual(limits[0], limits[1]);
  assert.match(report, /x:2 {2}limit_req_zone .*\n +each route counts for itself/);
  assert.doesNotMatch(inLocation('limit_req zone=z;').report, /each route counts for itself/);
});

test('a limit that is only tried is one with dryRun', () => {
  const limitOf = (text: string): unknown => {
    const { limits, lost } = inLocation(text);
    assert.deepEqual(lost, []);
    return limits[0];
  };
  const [held] = [limitOf('limit_req zone=z; limit_req_dry_run off;')].flat();
  const tried = limitOf('limit_req zone=z; limit_req_dry_run on;');
  assert.deepEqual(tried, [{ ...Object(held), dryRun: true }]);
  const other = inLocation(
    'limit_req zone=z; limit_req_dry_run on;',
    'limit_req_zone $uri zone=z:1m rate=6r/m;',
  );
  assert.deepEqual([other.limits, other.lost], [[undefined], []], 'it would keep nobody out');
  assert.match(
    other.report,
    /limit_req zone=z\n +nothing is limited, as in nginx with limit_req_dry_run, nor tried: /,
  );
});
