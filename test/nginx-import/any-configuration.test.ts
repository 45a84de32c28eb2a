// Configurations put together by chance of what nginx's files hold, sensible or not: an import never throws, judges every directive,
// writes only what passes the checks, and never lets TLS become plaintext.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Arbitrary,
  array,
  constantFrom,
  assert as holds,
  nat,
  oneof,
  property,
  tuple,
} from 'fast-check';
import { parseConfig } from '../../src/config/load-config.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { importNginx } from '../../src/nginx-import/import-nginx.ts';
import { formatReport, headOf, reportLines } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';
import { findRouteProblems } from '../../src/routing/route-problems.ts';

const words = constantFrom(
  ...'on off all 0 1 5 1m 60s 30s 24h 1k 99999999999 -1 auto "" $x ${y} $host $remote_addr $http_connection $http_x_id $request_uri'.split(
    ' ',
  ),
  ...'/ /a /a/ /a.B/ ^/a/(.*) /$1 break last = ~ ~* ^~ @name ^/a\\.B/ ^/(a|b)$ /ü /a*b "/a b" 403 301 https://x/ error timeout non_idempotent'.split(
    ' ',
  ),
  ...'a.example *.example .b.example ~^x _ 127.0.0.1:1 127.0.0.1 [::1]:2 [::]:80 0.0.0.0:80 80 443 ssl http2 default_server proxy_protocol'.split(
    ' ',
  ),
  ...'unix:/a.sock grpc://u grpcs://u http://u http://u/ https://h:1/x grpc://$x u __proto__ "a\u0007b" zone=z:1m weight=0 weight=5000 backup'.split(
    ' ',
  ),
  ...'down max_fails=3 fail_timeout=1d max_conns=0 slow_start=1ms resolve service=s 10.0.0.0/8 unix: X-Forwarded-For data:x /tls.pem'.split(
    ' ',
  ),
);
const inLocation = constantFrom(
  ...'grpc_pass proxy_pass grpc_pass proxy_pass rewrite return deny allow internal root if set grpc_read_timeout grpc_next_upstream'.split(
    ' ',
  ),
  ...'grpc_next_upstream_tries grpc_connect_timeout grpc_set_header health_check access_log add_header error_page limit_req limit_conn auth_basic satisfy'.split(
    ' ',
  ),
  ...'grpc_ssl_verify grpc_ssl_name grpc_ssl_trusted_certificate proxy_ssl_certificate proxy_ssl_certificate_key stub_status'.split(
    ' ',
  ),
);
const inServer = constantFrom(
  ...'listen listen listen server_name server_name ssl_certificate ssl_certificate_key ssl_protocols ssl_reject_handshake'.split(
    ' ',
  ),
  ...'ssl_verify_client set_real_ip_from real_ip_header keepalive_time client_header_timeout large_client_header_buffers return'.split(
    ' ',
  ),
);
const inUpstream = constantFrom(
  ...'server server server hash ip_hash least_conn least_time queue random keepalive zone resolver'.split(
    ' ',
  ),
);
const atTop = constantFrom(
  ...'worker_processes limit_conn_zone access_log error_log worker_shutdown_timeout resolver http2_max_concurrent_streams'.split(
    ' ',
  ),
);

/** Words that make sense with a directive, for those that matter most. */
const SENSIBLE: Readonly<Record<string, readonly string[]>> = {
  grpc_pass: [
    'grpc://u',
    'grpcs://u',
    'grpc://127.0.0.1:5',
    'unix:/a.sock',
    'grpc://$x',
    'grpc://w',
    'grpc://$y',
    '$x',
  ],
  proxy_pass: [
    'http://u',
    'https://u',
    'http://u/',
    'http://127.0.0.1:5/a',
    'http://host',
    'http://unix:/a:/',
  ],
  listen: [
    '80',
    '[::]:80',
    '127.0.0.1:80',
    '443 ssl http2',
    '81 default_server',
    'unix:/l.sock',
    '443',
    '82 proxy_protocol',
  ],
  server_name: ['a.example', '.a.example', '*.b.example', '_', 'b.example c.example', '"~^x$"', 'A.example.'],
  location: [
    '/',
    '/a',
    '/a/',
    '= /a',
    '^~ /a/',
    '~ ^/a/',
    '"~" ^/(a|b)$',
    '~* ^/a',
    '@n',
    '/ü',
    '/b*c',
    '~ ^/a/b',
  ],
  server: [
    '127.0.0.1:1',
    '127.0.0.1:1 backup',
    'h:2 weight=5000',
    'h:2 resolve',
    'unix:/s',
    '127.0.0.1 max_conns=1',
    'h service=x',
  ],
  ssl_certificate: ['/c.pem', 'data:x', 'c.pem'],
  ssl_certificate_key: ['/k.pem'],
  rewrite: ['^/a/(.*) /$1 break', '^/a(/.*)$ $1 break', '^/g/(.*) /$1', '^/x /y'],
  return: ['403', '301 /x', '200', '444'],
  hash: ['$remote_addr', '$http_connection', '$http_x consistent', '$x'],
  health_check: ['type=grpc', 'uri=/x interval=2', 'type=grpc grpc_service=s fails=0', 'port=1'],
  access_log: ['off', '/a.log', '/a.log main', 'syslog:server=x', '/$x.log', '/a.log if=$x'],
  error_log: ['/a.log', '/b.log debug', 'stderr'],
  map: ['$http_x $x', '$http_y $y', '$host $x'],
  split_clients: ['$remote_addr $x', '$request_id $y'],
  if: ['($http_x = a)', '($http_y ~ ^(a|b)$)', '($content_type = application/grpc)', '($http_x)'],
  set: ['$x h:1', '$x $x', '$y h'],
};

function directive(names: Arbitrary<string>): Arbitrary<string> {
  return tuple(names, array(words, { maxLength: 4 }), nat(), nat(9)).map(([name, rest, choice, sense]) => {
    const known = SENSIBLE[name] ?? [];
    const isSensible = sense > 0 && known.length > 0;
    return `${[name, ...(isSensible ? [known[choice % known.length]] : rest)].join(' ')};`;
  });
}

function block(head: string, most: number, ...inner: readonly Arbitrary<string>[]): Arbitrary<string> {
  return tuple(directive(constantFrom(head)), array(oneof(...inner), { maxLength: most })).map(
    ([first, parts]) => `${head === 'server' ? head : first.slice(0, -1)} { ${parts.join('\n')} }`,
  );
}

const location = block(
  'location',
  4,
  directive(inLocation),
  block('location', 3, directive(inLocation)),
  block('if', 2, directive(inLocation)),
);
const server = block(
  'server',
  8,
  directive(inServer),
  directive(inLocation),
  location,
  location,
  block('if', 2, directive(constantFrom('set'))),
);
const table = block('map', 3, constantFrom('default u;', '1 h:1;', '~^(a|b)$ w;', '"" u;', 'x $y;'));
const split = block('split_clients', 3, constantFrom('10% u;', '50% h:1;', '* w;', '0.01% u;'));
const upstream = array(directive(inUpstream), { minLength: 1, maxLength: 4 }).map(
  (parts) => `upstream u { server 127.0.0.1:9; ${parts.join(' ')} }`,
);
const whole = array(
  oneof(
    server,
    server,
    upstream,
    table,
    split,
    constantFrom(
      'upstream w { server 127.0.0.1:7 max_fails=1; server 127.0.0.1:6; ip_hash; }',
      'upstream "a b" { server 127.0.0.1:7; }',
      // Without one that can be served, hardly any configuration by chance would be written.
      'server { listen 82; location /served.A/ { grpc_pass u; } }',
    ),
    directive(atTop),
  ),
  {
    minLength: 1,
    maxLength: 8,
  },
).map((parts) => `http { upstream u { server 127.0.0.1:8; } ${parts.join('\n')} }`);

test('any configuration is judged whole, and what is written passes the checks', () => {
  let written = 0;
  holds(
    property(whole, (text) => {
      const reading = readNginxText(text, 'nginx.conf', '/etc/nginx');
      if ('faults' in reading) return;
      const imported = importNginx(reading.configuration);
      assert.equal(reportLines(imported).length, imported.directives.length);
      formatReport(imported);
      if (imported.yaml === undefined) return;
      written++;
      const output = `${headOf(imported, 'nginx.conf')}${imported.yaml}`;
      const result = parseConfig(output, 'config.yaml', findRouteProblems);
      assert.ok(
        'config' in result,
        'problems' in result ? `${result.problems.map(formatProblem).join('\n')}\n${output}` : '',
      );
      const plaintext = result.config.listeners.filter(({ tls }) => tls === undefined);
      if (text.includes('listen 443 ssl'))
        assert.ok(!plaintext.some(({ name }) => name.endsWith(':443')), output);
    }),
    { numRuns: 200 },
  );
  assert.ok(written > 5, `${written} were written`);
});
