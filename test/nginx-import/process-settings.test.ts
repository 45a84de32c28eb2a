// What Framegate has once for the process, and nginx may have in each block.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { type ImportedConfiguration, importNginx } from '../../src/nginx-import/import-nginx.ts';
import { formatReport, reportLines } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';

function importText(text: string): ImportedConfiguration {
  const reading = readNginxText(text, 'nginx.conf', '/etc/nginx');
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  return importNginx(reading.configuration);
}

const pass = 'location / { grpc_pass grpc://127.0.0.1:50051; }';

function configOf(text: string): Config {
  const result = parseConfig(importText(text).yaml ?? '', 'config.yaml');
  assert.ok('config' in result, 'problems' in result ? result.problems.map(formatProblem).join() : '');
  return result.config;
}

function verdictOf(text: string, shown: string): string | undefined {
  return reportLines(importText(text)).find((one) => one.text === shown)?.verdict;
}

function logOf(top: string, inServer = 'listen 80;'): Config['log'] {
  return configOf(`${top} server { ${inServer} ${pass} }`).log;
}

function yamlOf(top: string): string {
  return importText(`http { ${top} server { listen 80; ${pass} } }`).yaml ?? '';
}

test('a file of nginx never becomes that of Framegate: a remark proposes another', () => {
  const proposal =
    /^# For a file .* file: \/var\/log\/framegate\/framegate\.log\n# \(nginx writes to \/a\.log, nginx\.conf:1\)\nlog: \{\}$/m;
  assert.match(yamlOf('access_log /a.log;'), proposal);
  assert.match(
    yamlOf('access_log off; error_log /a.log;'),
    /\/a\.log, nginx\.conf:1\)\nlog:.*\n {2}access: false/,
  );
  for (const top of [
    'access_log logs/access.log;',
    'access_log /var/log/$host.log;',
    'access_log /var/log/a.log main if=$loggable;',
    'access_log syslog:server=127.0.0.1;',
    'access_log /dev/stdout;',
    'access_log /var/log/a.log; access_log /var/log/b.log;',
    'error_log /var/log/voice/errors.log;',
  ])
    assert.doesNotMatch(yamlOf(top), /^log:|nginx writes/m, top);
  for (const top of ['access_log /a.log;', 'access_log off; error_log /a.log;', 'error_log /a.log;'])
    assert.equal(logOf(top).file, undefined, top);
});

test('records of calls are switched off only if those of all calls are', () => {
  const open = 'location /b.B/ { grpc_pass h:2; }';
  for (const some of [
    `server { listen 80; location /a.A/ { access_log off; grpc_pass h:1; } ${open} }`,
    `server { listen 80; access_log off; ${pass} } server { listen 81; ${open} }`,
    `server { listen 80; location /health { access_log off; return 200; } ${open} }`,
  ]) {
    assert.equal(configOf(some).log.access, true, some);
    assert.equal(verdictOf(some, 'access_log …'), 'changed');
  }
  for (const all of [
    `server { listen 80; location /a.A/ { access_log off; grpc_pass h:1; } location / { access_log off; grpc_pass h:1; } }`,
    `server { listen 80; return 301 https://a; } server { listen 81; access_log off; ${open} }`,
  ])
    assert.equal(configOf(all).log.access, false, all);
});

test('the level of the log is that of the error log where no record of a call needs another one', () => {
  assert.equal(logOf('access_log off; error_log /a.log warn;').level, 'warn');
  assert.equal(logOf('access_log off; error_log /a.log crit;').level, 'error');
  assert.equal(logOf('access_log off; error_log /a.log;').level, 'info');
  assert.equal(logOf('access_log off; error_log /a.log notice;').level, 'info');
  assert.equal(logOf('access_log off; error_log /a.log error; error_log /b.log warn;').level, 'warn');
  assert.equal(logOf('error_log /a.log warn;').level, 'info');
  assert.equal(logOf('error_log /a.log debug;').level, 'debug');
  assert.equal(logOf('', 'listen 80; error_log /a.log debug;').level, 'info', 'of one server');
  const off = 'http { access_log off; error_log /a.log warn;';
  assert.match(
    formatReport(importText(`${off} server { listen 80; ${pass} } }`)),
    /log\.level: warn; the log goes to standard output/,
  );
});

function limitsOf(text: string): Readonly<Record<string, number | undefined>> {
  const { limits, capacity } = configOf(text);
  const { concurrentStreams, headerTimeoutMs } = limits;
  return { concurrentStreams, connectionAgeMs: capacity.connectionAgeMs, headerTimeoutMs };
}

test('a bound of some calls does not bound others that nginx allows more', () => {
  const others = 'server { listen 81; location / { grpc_pass h:1; } }';
  const own = limitsOf(`server { listen 80; ${pass} }`);
  const less = 'http2_max_concurrent_streams 10; keepalive_time 5m; client_header_timeout 5s;';
  const wanted = { concurrentStreams: 10, connectionAgeMs: 300_000, headerTimeoutMs: 5000 };
  assert.deepEqual(limitsOf(`server { listen 80; ${less} ${pass} }`), wanted);
  assert.deepEqual(limitsOf(`server { listen 80; ${less} ${pass} } ${others}`), own);
  assert.equal(verdictOf(`server { listen 80; ${less} ${pass} } ${others}`, 'keepalive_time 5m'), 'changed');
  const more = 'http2_max_concurrent_streams 200;';
  assert.equal(limitsOf(`server { listen 80; ${more} ${pass} } ${others}`).concurrentStreams, 200);
  const unserved = 'server { listen 81; return 301 https://a.example; }';
  assert.deepEqual(limitsOf(`server { listen 80; ${less} ${pass} } ${unserved}`), wanted);
});
