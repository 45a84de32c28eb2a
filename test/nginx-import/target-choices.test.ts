// One place of nginx, several services: by the value of a header field, or by share. What routes can say becomes routes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { type ImportedConfiguration, importNginx, movedCalls } from '../../src/nginx-import/import-nginx.ts';
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

/** The lines of what sends calls elsewhere than nginx. */
function moved(text: string): readonly number[] {
  return movedCalls(importText(text)).map(({ line }) => line);
}

/** The routes as PATH HEADER: VALUE -> UPSTREAM or WEIGHT UPSTREAM. */
function destinationsOf(text: string): readonly string[] {
  return configOf(text).routes.map(({ match: { path, headers }, upstream, split }) => {
    const fields = Array.from(headers, ([name, value]) => ` ${name}: ${value}`).join('');
    const parts = split?.map((part) => `${part.weight} ${part.upstream}`).join(', ');
    return `${path}${fields} -> ${parts ?? upstream}`;
  });
}

const services = 'upstream a { server h:1; } upstream b { server h:2; } upstream c { server h:3; }';

function withMap(map: string): string {
  return `${services} map $http_x_tenant $t { ${map} } server { listen 80; location / { grpc_pass grpc://$t; } }`;
}

function withSplit(parts: string): string {
  return `${services} split_clients $remote_addr $s { ${parts} } server { listen 80; location / { grpc_pass $s; } }`;
}

function withConditionalSet(condition: string): string {
  return `${services} server { listen 80; set $u a; ${condition} location / { grpc_pass grpc://$u; } }`;
}

function withConditionalPass(conditions: string): string {
  return `${services} server { listen 80; location / {\n${conditions}\nproxy_pass http://a; } }`;
}

test('a map of exact values of a header field becomes routes, and the default the one without', () => {
  assert.deepEqual(destinationsOf(withMap('1 a; ~^(two|three)$ b; default c;')), [
    '/* x-tenant: 1 -> a',
    '/* x-tenant: two -> b',
    '/* x-tenant: three -> b',
    '/* -> c',
  ]);
  assert.deepEqual(moved(withMap('1 a; ~^two$ b; "" c; default c;')), []);
  assert.deepEqual(moved(withMap('one a; default c;')), [1], 'nginx compares without regard to case');
  for (const map of [
    '~^b a; default c;',
    '~*^b$ a; default c;',
    '1 a;',
    '1 a; "" b; default c;',
    '1 $x; default c;',
    'hostnames; *.a b; default c;',
  ])
    assert.equal(importText(withMap(map)).yaml, undefined, map);
  for (const field of [
    'http_host',
    'http_cookie',
    'http_authorization',
    'http_x_api_key',
    'http_upgrade',
    'http_x_forwarded_for',
    'remote_addr',
  ])
    assert.equal(
      importText(withMap('1 a; default c;').replace('http_x_tenant', field)).yaml,
      undefined,
      field,
    );
});

test('a value that depends on a second variable with several values sends no call anywhere', () => {
  const tiers = 'map $http_x_tier $tier { default ""; gold -gold; }';
  const nested = `${tiers} ${withMap('1 a; default "pool$tier.internal:50051";')}`;
  const split = `${tiers} ${withSplit('50% a; * "pool$tier.internal:50051";')}`;
  const set = `${tiers} ${withConditionalSet('if ($http_x = b) { set $u "pool$tier:1"; }')}`;
  for (const text of [nested, split, set]) {
    const { yaml, ledger, directives } = importText(text);
    assert.equal(yaml, undefined, text);
    const pass = directives.find(({ name }) => name === 'grpc_pass');
    assert.equal(pass && ledger.judgementOf(pass)?.verdict, 'unsupported');
  }
});

test('what gives a variable its values is carried over only where routes come of it', () => {
  const thirds = withSplit('33.33% a; 33.33% b; * c;');
  const unreadable = withMap('1 "a b"; default c;');
  const nested = `map $http_x $y { 1 a; default b; } ${withMap('1 $y; default c;')}`;
  const constant = 'server { listen 80; location / { set $u "a b"; grpc_pass grpc://$u; } }';
  const unused = withConditionalPass(
    'set $u b; if ($http_x = 1) { proxy_pass http://$u; } if ($http_x = 2) { proxy_pass http://$unknown; }',
  );
  for (const [text, name] of [
    [thirds, 'split_clients'],
    [unreadable, 'map'],
    [nested, 'map'],
    [constant, 'set'],
    [unused, 'set'],
  ] as const) {
    const { ledger, directives } = importText(text);
    const verdicts = directives
      .filter((directive) => directive.name === name)
      .map((directive) => ledger.judgementOf(directive)?.verdict);
    assert.ok(verdicts.length > 0);
    assert.ok(!verdicts.includes('carried'), `${text}: ${verdicts.join()}`);
  }
  const conditions =
    'if ($http_x = 1) { proxy_pass http://b; } if ($http_x = 2) { proxy_pass http://$unknown; }';
  const { ledger, directives } = importText(withConditionalPass(conditions));
  const block = directives.find(({ words }) => words[0] === 'b');
  assert.deepEqual(
    [block, block?.block?.[0]].map((one) => one && ledger.judgementOf(one)?.verdict),
    ['changed', 'changed'],
    'servers of a block that is left out are left out too',
  );
});

test('conditions beside a target that depends on a header field itself are no routes', () => {
  const text = `${services} map $http_x_tenant $t { 1 a; default b; } server { listen 80; location / {
    if ($http_x = 1) { grpc_pass grpc://c; } grpc_pass grpc://$t; } }`;
  assert.deepEqual(destinationsOf(text), ['/* x-tenant: 1 -> a', '/* -> b']);
  assert.ok(moved(text).includes(2));
});

test('a variable of more than 100 values makes no routes', () => {
  const entries = Array.from({ length: 101 }, (_, index) => `${index} a;`);
  assert.equal(destinationsOf(withMap(`${entries.slice(0, 99).join(' ')} default b;`)).length, 100);
  assert.equal(importText(withMap(`${entries.join(' ')} default b;`)).yaml, undefined);
});

test('split_clients becomes a split where whole weights say the same', () => {
  assert.deepEqual(destinationsOf(withSplit('0.5% a; 20% b; * c;')), ['/* -> 1 a, 40 b, 159 c']);
  assert.deepEqual(destinationsOf(withSplit('10% a; 20% a; 0% b; * c;')), ['/* -> 3 a, 7 c']);
  assert.deepEqual(destinationsOf(withSplit('100% a;')), ['/* -> a']);
  for (const parts of [
    '50% a;',
    '0.05% a; * b;',
    '60% a; 60% b;',
    '10% $x; * b;',
    'ten% a; * b;',
    '50% a; * "";',
  ])
    assert.equal(importText(withSplit(parts)).yaml, undefined, parts);
});

test('a variable that a condition sets as well is no constant', () => {
  assert.deepEqual(
    destinationsOf(
      withConditionalSet('if ($http_x = "b") { set $u b; } if ($http_x ~ ^(c|d\\.e)$) { set $u c; }'),
    ),
    ['/* x: b -> b', '/* x: c -> c', '/* x: d.e -> c', '/* -> a'],
  );
  assert.deepEqual(destinationsOf(withConditionalSet('if ($http_x = b) { set $u b; } set $u c;')), [
    '/* -> c',
  ]);
  for (const condition of [
    'if ($http_x ~ b) { set $u b; }',
    'if ($http_x != b) { set $u b; }',
    'if ($http_x) { set $u b; }',
    'if ($http_x = b) { set $u b; set $y z; }',
    'if ($http_x = b) { set $u b; } if ($http_y = b) { set $u c; }',
    'if ($http_x = b) { set $u b; } if ($http_x = b) { set $u c; }',
    'if ($request_method = POST) { set $u b; }',
    'if ($http_x = b) { set $u $other; }',
  ])
    assert.equal(importText(withConditionalSet(condition)).yaml, undefined, condition);
});

test('variables that name each other many times end at a bound', () => {
  const chainOf = (copies: number, last: string) => {
    const sets = [1, 2, 3, 4, 5, 6].map((n) => `set $v${n} "${`$v${n + 1}`.repeat(copies)}";`);
    return `server { listen 80; ${sets.join(' ')} set $v7 "${last}"; location / { grpc_pass grpc://\${v1}h:1; } ${other} }`;
  };
  const other = 'location /b { grpc_pass h:1; }';
  assert.deepEqual(destinationsOf(chainOf(1, 'a.')), ['/* -> a.h-1', '/b* -> h-1']);
  assert.equal(destinationsOf(chainOf(2, 'a.')).length, 2);
  for (const text of [chainOf(40, 'x'), chainOf(4000, 'x'), chainOf(40, '$v1')])
    assert.deepEqual(destinationsOf(text), ['/b* -> h-1']);
});

test('a value that another choice decides makes no routes', () => {
  const text = `map $http_x_a $a { 1 one; default two; } map $http_x_b $b { 1 h$a; default h; }
    server { listen 80; location / { grpc_pass grpc://$b:1; } location /b { grpc_pass h:1; } }`;
  assert.deepEqual(destinationsOf(text), ['/b* -> h-1']);
});

test('what decides about a target that cannot be read is not called carried over', () => {
  const map = 'map $http_x_a $t { 1 one; default two; }';
  const imported = importText(`${map} server { listen 80; set $u a; if ($http_x_b = c) { set $u $t; }
    location / { grpc_pass grpc://$u; } location /b { grpc_pass h:1; } }`);
  const verdictsOf = (wanted: string) =>
    imported.directives
      .filter(({ name }) => name === wanted)
      .map((directive) => imported.ledger.judgementOf(directive)?.verdict);
  assert.deepEqual(verdictsOf('if'), ['unsupported']);
  assert.deepEqual(verdictsOf('set'), ['unsupported', 'unsupported']);
  assert.deepEqual(verdictsOf('map'), ['unsupported']);
  const unreadable = importText(
    `server { listen 80; set $x "a b"; location / { grpc_pass grpc://$x; } location /b { grpc_pass h:1; } }`,
  );
  const set = unreadable.directives.find(({ name }) => name === 'set');
  assert.ok(set !== undefined);
  assert.equal(unreadable.ledger.judgementOf(set)?.verdict, 'unsupported');
});

test('conditions that pass calls of one value elsewhere become routes, and others send calls elsewhere', () => {
  const grpc = 'if ($content_type = application/grpc) { grpc_pass grpc://b; }';
  assert.deepEqual(destinationsOf(withConditionalPass(grpc)), [
    '/* content-type: application/grpc -> b',
    '/* -> a',
  ]);
  assert.deepEqual(moved(withConditionalPass(grpc)), []);
  for (const conditions of [
    'if ($content_type ~ application/grpc) { grpc_pass grpc://b; }',
    'if ($http_x = 1) { grpc_pass grpc://b; gzip off; }',
    `${grpc} if ($http_x = 1) { grpc_pass grpc://c; }`,
    `${grpc} if ($http_x = 1) { set $y z; }`,
    'if ($http_x = 1) { grpc_pass grpc://$unknown; }',
  ]) {
    assert.deepEqual(destinationsOf(withConditionalPass(conditions)), ['/* -> a'], conditions);
    assert.ok(moved(withConditionalPass(conditions)).includes(2), conditions);
    assert.equal(
      configOf(withConditionalPass(conditions)).upstreams.length,
      1,
      'no upstream is left that no route leads to',
    );
  }
});
