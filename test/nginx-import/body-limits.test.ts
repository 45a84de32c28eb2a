// client_max_body_size and limit_rate of nginx as `limits` of routes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { importNginx } from '../../src/nginx-import/import-nginx.ts';
import { formatReport } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';
import { verifyImport } from '../../src/nginx-import/verify-import.ts';

const web = 'proxy_pass http://127.0.0.1:3000;';
const grpc = 'grpc_pass grpc://127.0.0.1:50051;';

/** The limits of the only route, and the report. */
function limitsOf(settings: string, inner = web): { readonly limits: unknown; readonly report: string } {
  const text = `server { listen 80; ${settings}\nlocation / { ${inner} } }`;
  const reading = readNginxText(text, 'x', '/etc/nginx');
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  const imported = importNginx(reading.configuration);
  const { problems, isUsable } = verifyImport(imported.yaml ?? '', '/etc/framegate/config.yaml');
  assert.ok(isUsable, JSON.stringify(problems));
  const document: { readonly routes: readonly { readonly limits?: unknown }[] } = parse(imported.yaml ?? '');
  return { limits: document.routes[0].limits, report: formatReport(imported) };
}

test('the size of a body is limited as in nginx, also where the limit is inherited', () => {
  assert.deepEqual(limitsOf('client_max_body_size 10m;').limits, [{ bodySize: '10MiB' }]);
  assert.deepEqual(limitsOf('client_max_body_size 10m;', `client_max_body_size 1500; ${web}`).limits, [
    { bodySize: '1500B' },
  ]);
});

test('no size is limited where nginx limits none, and none that is not written', () => {
  assert.equal(limitsOf('client_max_body_size 0;').limits, undefined);
  assert.equal(limitsOf('').limits, undefined);
});

test('a body of gRPC is a stream, and the report says why it is not limited', () => {
  const { limits, report } = limitsOf('client_max_body_size 10m;', grpc);
  assert.equal(limits, undefined);
  assert.match(report, /client_max_body_size 10m\n +left out for gRPC/);
});

test('WebSockets are not limited by what nginx does not apply to them', () => {
  const recipe = `proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; ${web}`;
  const { limits, report } = limitsOf('client_max_body_size 10m; limit_rate 1m;', recipe);
  assert.equal(limits, undefined);
  assert.match(report, /client_max_body_size 10m\n +left out, since this location also passes WebSockets on/);
  assert.match(report, /limit_rate 1m\n +left out, since this location also passes WebSockets on/);
});

test('a response begins with the bytes of one second and those of limit_rate_after, and is paced then', () => {
  const paced = { count: 'bytes', direction: 'response', by: ['stream'] };
  for (const inner of [web, grpc])
    assert.deepEqual(limitsOf('limit_rate 50k;', inner).limits, [
      { ...paced, rate: '50KiB/s', burst: '50KiB' },
    ]);
  assert.deepEqual(limitsOf('limit_rate 50k; limit_rate_after 1m;').limits, [
    { ...paced, rate: '50KiB/s', burst: '1074KiB' },
  ]);
});

test('a rate of 0 paces nothing, and neither does limit_rate_after alone', () => {
  assert.equal(limitsOf('limit_rate 0; limit_rate_after 1m;').limits, undefined);
  assert.equal(limitsOf('limit_rate_after 1m;').limits, undefined);
  assert.equal(limitsOf('limit_rate 50k;', `limit_rate 0; ${web}`).limits, undefined);
});

test('what is a variable is not supported, and the report says so', () => {
  const { limits, report } = limitsOf('client_max_body_size $size; limit_rate $rate;');
  assert.equal(limits, undefined);
  assert.match(report, /^Not supported \(2\):\n.*client_max_body_size \$size\n +cannot be read/m);
  assert.match(report, /limit_rate \$rate\n +cannot be read/);
});
