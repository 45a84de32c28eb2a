// What decides who may connect, or may do so, and is not carried over: an import says so of each, and ends with exit code 1.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeText } from '../../src/nginx-import/directive.ts';
import {
  type ImportedConfiguration,
  importNginx,
  lostAccess,
  movedCalls,
} from '../../src/nginx-import/import-nginx.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';

const pass = 'grpc_pass grpc://127.0.0.1:50051;';

function importText(text: string): ImportedConfiguration {
  const reading = readNginxText(text, 'x', '/etc/nginx');
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  return importNginx(reading.configuration);
}

/** The lines of what decides who may connect and is lost, and of what sends calls elsewhere. */
function lost(text: string): { readonly access: readonly string[]; readonly moved: readonly string[] } {
  const imported = importText(text);
  return { access: lostAccess(imported).map(placeText), moved: movedCalls(imported).map(placeText) };
}

const NOTHING = { access: [], moved: [] };

/** Of the second line: what is lost of a directive in the server, and in the location that passes calls on. */
function assertAccess(directive: string): void {
  for (const text of [
    `server { listen 80;\n${directive}\nlocation / { ${pass} } }`,
    `server { listen 80; location / {\n${directive}\n${pass} } }`,
  ]) {
    assert.ok(lost(text).access.includes('x:2'), text);
    assert.match(
      importText(text).yaml ?? '',
      /# NOT CARRIED OVER, and it decides who may call: .*\(x:2\)/,
      text,
    );
  }
}

test('a program that runs before a call is answered decides who may connect', () => {
  for (const program of [
    'rewrite_by_lua_file /etc/auth.lua;',
    'rewrite_by_lua_block { ngx.exit(403) }',
    'access_by_lua_no_postpone on;',
    'ssl_client_hello_by_lua_block { ngx.exit(ngx.ERROR) }',
    'ssl_certificate_by_lua_file /x.lua;',
    'server_rewrite_by_lua_block { ngx.exit(403) }',
    'header_filter_by_lua_block { ngx.exit(403) }',
    'js_access auth.check;',
    'perl_access x;',
  ])
    assertAccess(program);
  const balancer = `upstream u { server 127.0.0.1:1;\nbalancer_by_lua_block { ngx.exit(403) } } server { listen 80; location / { grpc_pass u; } }`;
  assert.deepEqual(lost(balancer).access, ['x:2']);
});

test('a program that runs at another time decides nothing', () => {
  for (const program of [
    'set_by_lua_block $a { return 1 }',
    'log_by_lua_block { x() }',
    'lua_check_client_abort on;',
    'js_set $a x;',
  ])
    assert.deepEqual(lost(`server { listen 80; ${program} location / { ${pass} } }`), NOTHING, program);
});

test('a directive of a module that is not known may decide who may connect, such as one of a firewall', () => {
  for (const directive of [
    'SecRulesEnabled;',
    'DeniedUrl "/x";',
    'CheckRule "$SQL >= 8" BLOCK;',
    'wallarm_mode block;',
    'auth_gss on;',
    'oidc_provider x { y z; }',
  ])
    assertAccess(directive);
  const upstream = `upstream u { server 127.0.0.1:1; fair; } server { listen 80; location / { grpc_pass u; } }`;
  assert.deepEqual(lost(upstream), NOTHING);
  const types = `server { listen 80; location ~ \\.png$ { types { image/png png; } root x; } location /a.B/ { ${pass} } }`;
  assert.deepEqual(lost(types).access, []);
});

test('a condition that answers or redirects some decides who may connect, where a service is behind it', () => {
  for (const condition of [
    'if ($cookie_session = "") { return 302 /login; }',
    'if ($cookie_session = "") { rewrite ^ /login last; }',
    'if ($bad) { return $code; }',
    'if ($bad) { return 200; }',
    'if ($bad) { wallarm_mode block; }',
  ])
    assertAccess(condition);
  const redirecting = `server { listen 80; if ($host = a.example) { return 301 https://$host; }
    server_name a.example; return 404; } server { listen 81; location / { ${pass} } }`;
  assert.deepEqual(lost(redirecting), NOTHING);
});

test('with satisfy any and deny all another rule may let somebody in: it is not taken for a place that serves nobody', () => {
  for (const rules of [
    'satisfy any; deny all;\nauth_request /auth;',
    'deny all; satisfy any;\noidc_provider x;',
  ]) {
    assertAccess(rules);
    const imported = importText(`server { listen 80; location /a.B/ { ${rules} ${pass} } }`);
    assert.match(imported.yaml ?? '', /path: \/a\.B\/\*/, 'the route is written, with a warning');
    assert.ok(lost(`server { listen 80; ${rules} location / { ${pass} } }`).access.length > 2);
  }
});

test('without a rule that lets somebody in, satisfy any and deny all serve nobody', () => {
  for (const rules of [
    'satisfy any; deny all;',
    'satisfy any; deny all; auth_basic off;',
    'satisfy all; deny all; auth_basic x;',
  ]) {
    const imported = importText(`server { listen 80; location / { ${rules} ${pass} } }`);
    assert.equal(imported.yaml, undefined, rules);
  }
});

test('a location whose status a variable has refuses, where a wider route takes its calls', () => {
  const inner = '\nlocation /admin {\nreturn $code; }';
  assert.deepEqual(lost(`server { listen 80; location / { ${pass} } ${inner} }`).access, ['x:3']);
  assert.deepEqual(lost(`server { listen 80; location /a.B/ { ${pass} } ${inner} }`), NOTHING);
});

test('a location that refuses with a gRPC status is not taken for a page of errors', () => {
  const refusing = 'location /admin/ { add_header grpc-status 7;\nreturn 403; }';
  const text = `server { listen 80; location / { ${pass} } ${refusing} }`;
  assert.deepEqual(lost(text), NOTHING);
  assert.match(importText(text).yaml ?? '', /path: \/admin\/\* .*\n +respond:\n +status: 403 /);
  const page = `error_page 502 = /page; ${refusing.replace('/admin/', '= /page')}`;
  assert.deepEqual(lost(`server { listen 80; location / { ${pass} } ${page} }`), NOTHING);
});

const tls = 'listen 443 ssl; ssl_certificate /c.pem; ssl_certificate_key /k.pem;';

test('a name whose server rejects handshakes is lost where a route serves it', () => {
  const rejecting = 'server { listen 443 ssl; server_name b.example;\nssl_reject_handshake on; }';
  for (const path of ['/', '/a.B/'])
    assert.deepEqual(
      lost(`server { ${tls} location ${path} { ${pass} } } ${rejecting}`).access,
      ['x:2'],
      path,
    );
  const named = `server { ${tls} server_name a.example; location / { ${pass} } }`;
  assert.deepEqual(
    lost(`server { listen 443 ssl default_server; ssl_reject_handshake on; } ${named}`),
    NOTHING,
  );
  const own = `server { ${tls} server_name b.example;\nssl_reject_handshake on; location / { ${pass} } }`;
  assert.deepEqual(lost(`${named} ${own}`).access, ['x:2']);
});

test('a server that refuses all is lost where any route without a host takes some of its calls', () => {
  const refusing = 'server { listen 80; server_name b.example;\nreturn 403; }';
  assert.deepEqual(lost(`server { listen 80; location /a.B/ { ${pass} } } ${refusing}`).access, ['x:2']);
  const moving = refusing.replace('403', '301 https://b.example/');
  assert.deepEqual(lost(`server { listen 80; location /a.B/ { ${pass} } } ${moving}`).moved, ['x:2']);
  assert.deepEqual(
    lost(`server { listen 80 default_server; return 444; }
      server { listen 80; server_name a.example; location / { ${pass} } }`),
    NOTHING,
  );
});

test('a rewriting of a server that is not carried over sends calls elsewhere', () => {
  const text = `server { listen 80;\nrewrite ^/admin /login last; location / { ${pass} } }`;
  assert.deepEqual(lost(text), { access: [], moved: ['x:2'] });
});
