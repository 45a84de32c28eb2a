import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { formatProblem } from '../../src/config/problem.ts';
import {
  type ImportedConfiguration,
  importNginx,
  lostAccess,
  movedCalls,
} from '../../src/nginx-import/import-nginx.ts';
import { formatCounts, formatReport, reportLines } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';
import { findRouteProblems } from '../../src/routing/route-problems.ts';

function importText(text: string): ImportedConfiguration {
  const reading = readNginxText(text, 'nginx.conf', '/etc/nginx');
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  return importNginx(reading.configuration);
}

function configOf(text: string): Config {
  const result = parseConfig(importText(text).yaml ?? '', 'config.yaml', findRouteProblems);
  assert.ok('config' in result, 'problems' in result ? result.problems.map(formatProblem).join() : '');
  return result.config;
}

function addressesOf(text: string): readonly string[] {
  return configOf(text).listeners.map(({ address }) => address.text);
}

/** The routes as LISTENER HOST PATH, those criteria that are there. */
function routesOf(text: string): readonly string[] {
  return configOf(text).routes.map(({ match: { listener, host, path } }) =>
    [listener, host, path].filter((one) => one !== undefined).join(' '),
  );
}

function verdictOf(text: string, shown: string): string {
  const line = reportLines(importText(text)).find((one) => one.text === shown);
  assert.ok(line !== undefined, `${shown} is in the report`);
  return `${line.verdict}${line.decidesAccess ? ', access' : ''}`;
}

const pass = 'location / { grpc_pass grpc://127.0.0.1:50051; }';

test('a server alone takes every host, as the default of its port does in nginx', () => {
  assert.deepEqual(routesOf(`server { listen 80; server_name a.example; ${pass} }`), ['/*']);
});

/** The routes of two servers, whose `listen` has more words. */
function two(first: string, second: string): readonly string[] {
  return routesOf(`server { listen 80${first}; server_name a.example; ${pass} }
    server { listen 80${second}; server_name b.example .c.example; ${pass} }`);
}

test('of several servers the default one takes every host, the first or the one that says so', () => {
  assert.deepEqual(two('', ''), ['/*', 'b.example /*', 'c.example /*', '*.c.example /*']);
  assert.deepEqual(two('', ' default_server'), ['a.example /*', '/*']);
});

test('the default server keeps its names where the wildcard of another one would take them', () => {
  const text = `server { listen 80; server_name a.c.example; ${pass} }
                server { listen 80; server_name *.c.example; ${pass} }`;
  assert.deepEqual(routesOf(text), ['/*', 'a.c.example /*', '*.c.example /*']);
});

test('routes name their listener where servers differ between listeners, and only there', () => {
  const text = `server { listen 80; listen 81; ${pass} } server { listen 81; server_name b.example; ${pass} }`;
  assert.deepEqual(routesOf(text), ['http /*', 'http-81 /*', 'http-81 b.example /*']);
  assert.deepEqual(routesOf(`server { listen 80; listen 81; ${pass} }`), ['/*']);
});

test('a wildcard of IPv6 serves both families; alone it would let in clients that nginx does not have', () => {
  const both = `server { listen 80; listen [::]:80; ${pass} }`;
  assert.deepEqual(addressesOf(both), ['[::]:80']);
  assert.equal(verdictOf(both, 'listen 80'), 'changed');
  assert.equal(verdictOf(`server { listen [::]:80; ${pass} }`, 'listen [::]:80'), 'unsupported, access');
  assert.equal(
    verdictOf(`server { listen [::]:80 ipv6only=off; ${pass} }`, 'listen [::]:80 ipv6only=off'),
    'carried',
  );
});

test('an address that a wildcard has already is left out, and its server is not opened to all', () => {
  const text = `server { listen 80; server_name a.example; ${pass} }
                server { listen 127.0.0.1:80; server_name b.example; ${pass} }`;
  assert.deepEqual(addressesOf(text), ['0.0.0.0:80']);
  assert.deepEqual(routesOf(text), ['/*']);
  assert.equal(verdictOf(text, 'listen 127.0.0.1:80'), 'unsupported');
});

test('TLS without a certificate that can be carried over never becomes plaintext', () => {
  const text = `server { listen 443 ssl; ssl_certificate $cert; ssl_certificate_key $key; ${pass} }`;
  assert.equal(importText(text).yaml, undefined);
  assert.equal(verdictOf(text, 'listen 443 ssl'), 'unsupported');
});

test('two locations of the same host and path are one route', () => {
  const text = `server { listen 80; server_name a.example; ${pass} } server { listen 80; server_name a.example b.example; ${pass} }
                server { listen 80; server_name b.example; ${pass} }`;
  assert.deepEqual(routesOf(text), ['/*', 'a.example /*', 'b.example /*']);
});

test('one upstream block that is spoken to in two ways becomes two', () => {
  const text = `upstream s { server 127.0.0.1:1; } server { listen 80;
    location /a/ { grpc_pass grpc://s; } location /b/ { proxy_pass http://s; } }`;
  assert.deepEqual(
    configOf(text).upstreams.map(({ name }) => name),
    ['s', 's-http'],
  );
});

function refusing(more: string): string {
  return `server { listen 80; location /a/ { return 403; } ${more} }`;
}

test('what nobody is served at is answered as nginx does', () => {
  for (const wider of [pass, 'location /b/ { grpc_pass grpc://127.0.0.1:1; }']) {
    assert.equal(verdictOf(refusing(wider), 'return 403'), 'carried');
    assert.match(importText(refusing(wider)).yaml ?? '', /respond:\n +status: 403 /);
  }
  const byDefault = `server { listen 80; ${pass} } server { listen 80; server_name b.example; location /x/ { deny all; }
    location /y/ { grpc_pass grpc://127.0.0.1:1; } }`;
  assert.equal(verdictOf(byDefault, 'deny all'), 'carried');
});

function closing(text: string): string {
  return refusing(text).replace('403', '444');
}

test('a condition before an answer decides who gets it', () => {
  const gated = 'server { listen 80; if ($http_x_key != a) { return 403; } return 200 secret; }';
  assert.ok(lostAccess(importText(`server { listen 81; ${pass} } ${gated}`)).length > 0);
  const rewritten = 'location /b/ { rewrite ^ /c last; return 200 secret; }';
  assert.doesNotMatch(importText(`server { listen 80; ${pass} ${rewritten} }`).yaml ?? '', /secret/);
});

test('a refusal is lost for other spellings of its path where a wider route leads to a website', () => {
  const web = 'location / { proxy_pass http://127.0.0.1:1; }';
  for (const rule of ['return 403;', 'deny all;', 'internal;']) {
    const refused = `location /admin/ { ${rule} }`;
    assert.equal(lostAccess(importText(`server { listen 80; ${web} ${refused} }`)).length, 1, rule);
    assert.deepEqual(lostAccess(importText(`server { listen 80; ${pass} ${refused} }`)), [], rule);
  }
});

test('where nginx closes the connection nobody is served by having no route, unless a wider one takes it', () => {
  const narrow = closing('location /b/ { grpc_pass grpc://127.0.0.1:1; }');
  assert.equal(verdictOf(narrow, 'return 444'), 'changed');
  assert.equal(verdictOf(closing(pass), 'return 444'), 'unsupported, access');
});

/** The directives by whose loss calls go elsewhere, as LINE. */
function moved(text: string): readonly number[] {
  return movedCalls(importText(text)).map(({ line }) => line);
}

test('what could not be carried over sends calls elsewhere where a wider route takes them, and only there', () => {
  const lost = [
    'location ^~ /x { proxy_pass http://127.0.0.1:2/y/; }',
    'location /x { grpc_pass grpc://$unknown; }',
    'location = /x { return 200 $host; }',
    'location /x { root html; }',
    String.raw`location ~ \.png$ { proxy_pass http://127.0.0.1:2; }`,
  ];
  for (const location of lost) {
    assert.deepEqual(moved(`server { listen 80; ${pass}\n${location} }`), [2], location);
    assert.match(
      formatReport(importText(`server { listen 80; ${pass}\n${location} }`)),
      /^Not supported \(\d\):\n {2}nginx\.conf:2 {2}location .*\[calls go elsewhere\]/,
    );
  }
  const narrow = 'location /a.B/ { grpc_pass grpc://127.0.0.1:50051; }';
  for (const location of lost.slice(0, -1))
    assert.deepEqual(moved(`server { listen 80; ${narrow}\n${location} }`), [], location);
});

test('a location that goes where the wider route goes as well loses nothing', () => {
  const same = 'location ~* ^/a { grpc_pass grpc://127.0.0.1:50051; }';
  assert.deepEqual(moved(`server { listen 80; ${pass}\n${same} }`), []);
  assert.deepEqual(moved(`server { listen 80; ${pass}\n${same.replace('50051', '50052')} }`), [2]);
});

test('hosts and addresses that are left out go to the server that is left', () => {
  const other = `server { listen 80; ${pass} }`;
  assert.deepEqual(moved(`${other} server { listen 80;\nserver_name b.example ~^c; ${pass} }`), [2]);
  assert.deepEqual(moved(`${other} server {\nlisten 127.0.0.1:80; ${pass} }`), [2]);
  assert.deepEqual(
    moved(`${other} server { listen 80; server_name b.example;\nreturn 301 https://b.example/; }`),
    [2],
  );
  // Nothing listens on port 81 any more.
  assert.deepEqual(moved(`${other} server { listen 81;\nreturn 301 https://b.example/; }`), []);
});

function conditional(inner: string): string {
  return `server { listen 80; location / {\nif ($http_x ~* y) { ${inner} }\nproxy_pass http://127.0.0.1:1; } }`;
}

test('a condition that sends calls elsewhere is named, and what it held is not supported', () => {
  for (const inner of ['grpc_pass grpc://127.0.0.1:2;', 'rewrite ^ /x break;'])
    assert.deepEqual(moved(conditional(inner)), [2], inner);
  assert.deepEqual(moved(conditional('set $y x;')), []);
  assert.equal(
    verdictOf(conditional('grpc_pass grpc://127.0.0.1:2;'), 'grpc_pass grpc://127.0.0.1:2'),
    'unsupported',
  );
});

test('each of the directives that decide who may connect is named as such', () => {
  for (const directive of [
    'auth_request /x',
    'auth_jwt x',
    'allow $client',
    'auth_basic $realm; auth_basic_user_file x',
    'auth_basic x; auth_basic_user_file $host',
    'satisfy any; deny all; auth_request /x',
    'ssl_ocsp on',
    'limit_req zone=x',
    'limit_conn x 1',
    'valid_referers none',
    'secure_link $arg_md5',
    'access_by_lua_file x',
    'modsecurity on',
    'if ($x) { return 403; }',
    'limit_except GET { deny all; }',
  ]) {
    const text = `server { listen 80; ${directive}${directive.endsWith('}') ? '' : ';'} ${pass} }`;
    assert.ok(lostAccess(importText(text)).length > 0, directive);
  }
  for (const directive of [
    'allow all',
    'auth_basic off',
    'ssl_verify_client off',
    'satisfy all',
    'satisfy any',
    'auth_basic x',
    'ssl_verify_client on; ssl_client_certificate x; ssl_crl x',
    'auth_request off',
  ]) {
    assert.deepEqual(lostAccess(importText(`server { listen 80; ${directive}; ${pass} }`)), [], directive);
  }
});

/** connectionsPerAddress, and how many directives that decide who may connect are lost. */
function limitOf(text: string): readonly [number | undefined, number] {
  const whole = `limit_conn_zone $binary_remote_addr zone=z:1m; ${text}`;
  const written = /connectionsPerAddress: (\d+)/.exec(importText(whole).yaml ?? '')?.[1];
  return [written === undefined ? undefined : Number(written), lostAccess(importText(whole)).length];
}

test('limit_conn limits the whole proxy only where it holds for every location that passes calls on', () => {
  const limit = 'limit_conn z 4;';
  const other = 'location /a/ { grpc_pass grpc://127.0.0.1:1; }';
  const limited = other.replace('{', `{ ${limit}`);
  assert.deepEqual(limitOf(`${limit} server { listen 80; ${pass} } server { listen 81; ${pass} }`), [4, 0]);
  assert.deepEqual(limitOf(`server { listen 80; ${limit} ${pass} ${other} }`), [4, 0]);
  assert.deepEqual(limitOf(`server { listen 80; ${limited} } server { listen 81; return 301 /; }`), [4, 0]);
  assert.deepEqual(limitOf(`server { listen 80; ${pass} ${limited} }`), [undefined, 1]);
  assert.deepEqual(limitOf(`server { listen 80; ${limit} ${pass} } server { listen 81; ${pass} }`), [
    undefined,
    1,
  ]);
});

test('a limit_conn that is only tried refuses nobody, and one that is tried in some locations is lost', () => {
  const tried = 'limit_conn z 4; limit_conn_dry_run on;';
  assert.deepEqual(limitOf(`server { listen 80; ${tried} ${pass} }`), [undefined, 0]);
  assert.deepEqual(limitOf(`server { listen 80; limit_conn z 4; limit_conn_dry_run off; ${pass} }`), [4, 0]);
  const report = formatReport(
    importText(`limit_conn_zone $binary_remote_addr zone=z:1m; server { listen 80; ${tried} ${pass} }`),
  );
  assert.match(report, /limit_conn z 4;?\n +no connection is refused, as in nginx with limit_conn_dry_run/);
  const some = `server { listen 80; limit_conn z 4; ${pass} location /a/ { limit_conn_dry_run on; grpc_pass grpc://127.0.0.1:1; } }`;
  assert.deepEqual(limitOf(some), [undefined, 1]);
});

test('a setting or a condition that is written a hundred thousand times is judged like one', () => {
  const many = 130_000;
  const settings = 'http2_max_concurrent_streams 5; large_client_header_buffers 4 8k;'.repeat(many);
  assert.match(importText(`${settings} server { listen 80; ${pass} }`).yaml ?? '', /concurrentStreams: 5 /);
  const conditions = pass.replace('{', `{ ${'if ($a) { return 403; }'.repeat(many)}`);
  assert.ok(importText(`server { listen 80; ${conditions} }`).yaml !== undefined);
  const servers = 'server 127.0.0.1:1 max_fails=2;'.repeat(many);
  const text = `upstream u { ${servers} } server { listen 80; location / { grpc_pass u; } }`;
  assert.match(importText(text).yaml ?? '', /consecutive: 2$/m);
});

test('half of the pair of certificate and key that a service is shown is left out', () => {
  const half =
    'location / { proxy_pass https://h; proxy_ssl_certificate; proxy_ssl_certificate_key /k.pem; }';
  assert.equal(configOf(`server { listen 80; ${half} }`).upstreams.length, 1);
});

test('a name that nginx does not have is corrected', () => {
  const report = formatReport(importText(`server { listen 80; ${pass} location /a/ { grpcs_pass h:1; } }`));
  assert.match(report, /did you mean grpc_pass grpcs:\/\//);
});

test('lines of the report that differ by their places alone are one, and each directive is counted', () => {
  const servers = [1, 2, 3].map((port) => `server { listen ${port};\ngzip on;\n${pass} }`);
  const imported = importText(servers.join('\n'));
  const report = formatReport(imported);
  assert.match(report, /^ {2}nginx\.conf:2, 5, 8 \(3 times\) {2}gzip on\n {6}messages are passed on/m);
  assert.match(report, /^Not supported \(3\):$/m);
  assert.match(formatCounts(imported), / 3 not supported\.$/);
});

test('a directive that is not known counts as one that decides who may connect, and its words are not shown', () => {
  assert.equal(
    verdictOf(`nonsense with words; server { listen 80; ${pass} }`, 'nonsense …'),
    'unsupported, access',
  );
});

test('names of files with control characters leave no mark in remarks and report', () => {
  const reading = readNginxText(`server { listen 80; ${pass} }`, 'a\u001b[31m\nb.conf', '/etc/nginx');
  assert.ok('configuration' in reading);
  const imported = importNginx(reading.configuration);
  assert.match(imported.yaml ?? '', /# a\\u\{1b\}\[31m\\u\{a\}b\.conf:1$/m);
  assert.ok(!formatReport(imported).includes('\u001b'));
});

test('a server of an upstream block has port 80 if it names none, whatever is spoken to it', () => {
  for (const target of ['grpc_pass grpcs://app', 'proxy_pass https://app', 'grpc_pass grpc://app']) {
    const text = `upstream app { server 10.0.0.1; }\nserver { listen 8080; location / { ${target}; } }`;
    const [upstream] = configOf(`http { ${text} }`).upstreams;
    assert.deepEqual(
      upstream?.endpoints.map(({ address }) => address.text),
      ['10.0.0.1:80'],
      target,
    );
  }
});
