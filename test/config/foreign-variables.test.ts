// Variables of nginx and Envoy in values that have variables of their own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findForeignVariable } from '../../src/config/foreign-variables.ts';
import { parseConfig } from '../../src/config/load-config.ts';

/** The problems of one route with these lines. */
function problemsOf(...lines: readonly string[]): readonly string[] {
  const text = [
    'listeners: [{ address: "127.0.0.1:8080" }]',
    'routes:',
    '  - match: { path: /a* }',
    ...lines.map((line) => `    ${line}`),
    '  - { match: { path: /b* }, upstream: u }',
    'upstreams: { u: { endpoints: ["127.0.0.1:1"] } }',
  ].join('\n');
  const result = parseConfig(text, 'x.yaml', () => []);
  return ('problems' in result ? result.problems : result.warnings).map(
    ({ severity, message, hint }) => `${severity}: ${message} (${hint})`,
  );
}

function unknownKeyIn(written: string): string | undefined {
  return problemsOf(`return: ${written}`).find((problem) => problem.includes('unknown key'));
}

function ofRedirect(to: string): string {
  return problemsOf(`redirect: { to: "${to}" }`).join();
}

test('a variable in the spelling of another program has its counterpart named', () => {
  for (const [text, own] of [
    ['$remote_addr', 'client.address'],
    ['for $host', 'host'],
    ['$http_x_tenant', 'header.x-tenant'],
    ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', 'client.address'],
    ['%REQ(X-Tenant)%', 'header.x-tenant'],
    ['%REQ(:METHOD)%', 'method'],
    ['$remote_user', undefined],
    ['$ssl_client_s_dn', undefined],
  ] as const)
    assert.equal(findForeignVariable(text)?.own, own, text);
  assert.equal(findForeignVariable('$remote_user')?.written, '$remote_user');
});

test('what only looks like a variable is a text', () => {
  for (const text of ['5 $', '$US', '$amount', '${client.address}', '100%', '%41%42', 'a$b%c', '$hosting'])
    assert.equal(findForeignVariable(text), undefined, text);
});

test('a header field with a variable of nginx is warned of, with the spelling of this configuration', () => {
  assert.deepEqual(problemsOf('upstream: u', 'headers: { request: { set: { x-real-ip: $remote_addr } } }'), [
    "warning: '$remote_addr' is sent as it stands (write ${client.address})",
  ]);
  const [none] = problemsOf('upstream: u', 'headers: { request: { set: { x-user: $remote_user } } }');
  assert.match(
    none,
    /'\$remote_user' is sent as it stands \(there are \$\{client\.address\}, .*\$\{header\.NAME\}\)/,
  );
  const [ofResponse] = problemsOf('upstream: u', 'headers: { response: { add: { x-id: $request_id } } }');
  assert.match(ofResponse, /only \$\{route\} is known in responses/);
  assert.deepEqual(
    problemsOf('upstream: u', 'headers: { request: { set: { x-a: "${client.address}" } } }'),
    [],
  );
});

test('return of nginx is respond or redirect, by what it returns', () => {
  assert.match(unknownKeyIn('301 https://$host$request_uri') ?? '', /write redirect: \{ to: https \}/);
  assert.match(unknownKeyIn('https://a.example') ?? '', /write redirect: \{ to: https \}/);
  assert.match(unknownKeyIn('404') ?? '', /write respond: \{ status: 503/);
});

test('a redirect has no variable but the host of the request, and says so', () => {
  for (const to of ['https', 'https://${host}:8443', 'https://${host}/new?a=b', '/new', 'http://[::1]:80/x'])
    assert.deepEqual(problemsOf(`redirect: { to: "${to}" }`), [], to);
  assert.match(
    ofRedirect('https://$host:8443'),
    /'\$host' is not filled in \(https:\/\/\$\{host\} is the host of the request/,
  );
  assert.match(ofRedirect('https://www.${host}'), /'\$\{host\}' is not filled in/);
  assert.match(ofRedirect('https://a.example/${path}'), /'\$\{path\}' is not filled in/);
  assert.match(ofRedirect(':8443'), /write https:\/\/\$\{host\}:8443, which keeps host and path/);
  for (const to of ['//other.example', 'www.example.com', '/a#b', 'https://${host}:99999'])
    assert.match(ofRedirect(to), /is no URL that clients can be sent to/, to);
});
