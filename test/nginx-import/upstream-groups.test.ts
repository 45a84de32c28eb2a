// What an upstream block of nginx says besides addresses, some of it in NGINX Plus alone, as keys of an upstream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { formatProblem } from '../../src/config/problem.ts';
import type { UpstreamConfig } from '../../src/config/upstream-config.ts';
import { importNginx } from '../../src/nginx-import/import-nginx.ts';
import { formatReport } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';
import { findRouteProblems } from '../../src/routing/route-problems.ts';

interface Made {
  readonly upstream: UpstreamConfig;
  readonly report: string;
}

function make(inUpstream: string, inLocation = '', pass = 'grpc_pass grpc://u;'): Made {
  const text = `upstream u { server h:1; server h:2; ${inUpstream} } server { listen 80; location / { ${inLocation} ${pass} } }`;
  const reading = readNginxText(text, 'x', '/etc/nginx');
  assert.ok('configuration' in reading);
  const imported = importNginx(reading.configuration);
  const result = parseConfig(imported.yaml ?? '', 'config.yaml', findRouteProblems);
  assert.ok('config' in result, 'problems' in result ? result.problems.map(formatProblem).join() : '');
  return { upstream: result.config.upstreams[0], report: formatReport(imported) };
}

test('health checks of a location become those of its upstream', () => {
  const grpc = make('', 'health_check type=grpc grpc_service=a.B interval=7 fails=2 passes=3;').upstream
    .health;
  assert.equal(grpc?.type, 'grpc');
  assert.deepEqual(
    [grpc.service, grpc.intervalMs, grpc.unhealthyAfter, grpc.healthyAfter],
    ['a.B', 7000, 2, 3],
  );
  const web = make('', 'health_check uri=/ready;', 'proxy_pass http://u;').upstream.health;
  assert.equal(web?.type, 'http');
  assert.deepEqual([web.path, web.intervalMs, web.unhealthyAfter], ['/ready', 5000, 1]);
  for (const [check, pass] of [
    ['health_check;', 'grpc_pass grpc://u;'],
    ['health_check type=grpc;', 'proxy_pass http://u;'],
    ['health_check type=grpc grpc_status=12;', 'grpc_pass grpc://u;'],
    ['health_check port=8080;', 'proxy_pass http://u;'],
    ['health_check match=ok;', 'proxy_pass http://u;'],
  ]) {
    const { upstream, report } = make('', check, pass);
    assert.equal(upstream.health, undefined, check);
    assert.match(report.split('\nChanged')[0], /health_check/, check);
  }
});

test('each health check of an upstream is judged, and the first counts', () => {
  const { upstream, report } = make(
    '',
    'health_check type=grpc fails=3; health_check type=grpc fails=2; ',
    'grpc_pass grpc://u; }\nlocation /b { health_check interval=5 fails=3 type=grpc; grpc_pass grpc://u; } location /c { health_check type=http; grpc_pass grpc://u;',
  );
  assert.equal(upstream.health?.unhealthyAfter, 3);
  const [unsupported, changed] = report.split('\nChanged');
  assert.match(unsupported, /health_check.*\n.*HTTP\/1\.1/);
  assert.equal(changed.match(/the first health_check counts/g)?.length, 1);
  assert.match(
    changed,
    /x:1, 2 \(2 times\) {2}health_check .*\n.*NOT_SERVING/,
    'one that says the same is no loss',
  );
});

test('a queue bounds the calls that wait, beside what bounds those that run', () => {
  assert.equal(make('queue 70 timeout=5s;').upstream.connections.maxPending, 70);
  const { limits, connections } = make('server h:3 max_conns=5; queue 0;').upstream;
  assert.deepEqual([limits.streams, connections.maxPending], [15, 0]);
});

test('balancing by time becomes balancing by open calls', () => {
  for (const method of ['least_time header;', 'random two least_time=header;', 'least_conn;'])
    assert.equal(make(method).upstream.balance, 'least-requests', method);
});

test('servers that may fail as often as they like are never ejected', () => {
  const never = make('server h:3 max_fails=0;');
  assert.equal(never.upstream.outliers, undefined);
  assert.match(never.report, /max_fails=0 needs nothing/);
  const some = make('server h:3 max_fails=0; server h:4 max_fails=4;');
  assert.equal(some.upstream.outliers?.consecutive, 4);
  assert.match(some.report, /max_fails=0 is left out/);
});
