// The names of imported routes: short, readable, one for each route, and the same when more is added behind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { importNginx } from '../../src/nginx-import/import-nginx.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';
import { RouteNames } from '../../src/nginx-import/route-names.ts';
import { YamlMap } from '../../src/nginx-import/yaml-text.ts';

interface Named {
  readonly host?: string | undefined;
  readonly listener?: string;
  readonly header?: readonly [name: string, value: string];
}

function namesOf(...routes: readonly (readonly [path: string, more?: Named])[]): readonly string[] {
  const names = new RouteNames();
  return routes.map(([path, { host, listener, header } = {}]) => {
    const value = header && new YamlMap([{ key: header[0], value: header[1] }]);
    return names.of({
      path,
      host,
      listener,
      branch: { header: value && { key: 'headers', value } },
    });
  });
}

const SERVERS = `
  server {
    listen 443 ssl default_server;
    ssl_certificate a.pem; ssl_certificate_key a.key;
    server_name api.example.com grpc.example.com;
    location /com.example.platform.identity.v1.IdentityService/ { grpc_pass grpc://a; }
    location /com.example.platform.identity.v2.IdentityService/ { grpc_pass grpc://a; }
    location ~ ^/(orders|stock)\\.Service/.*$ { grpc_pass grpc://a; }
    location ~ ^/segment(/|$) { proxy_pass http://b; }
    location / { proxy_pass http://b; }
  }
  server {
    listen 443 ssl;
    ssl_certificate a.pem; ssl_certificate_key a.key;
    server_name staging.example.com;
    location /com.example.platform.identity.v1.IdentityService/ { grpc_pass grpc://a; }
    location / { proxy_pass http://b; }
  }`;
const MORE = `
  server {
    listen 443 ssl;
    ssl_certificate a.pem; ssl_certificate_key a.key;
    server_name staging.example.org *.staging.example.com;
    location / { proxy_pass http://b; }
  }`;
const NAMES = [
  'identity.v1.IdentityService',
  'identity.v2.IdentityService',
  'orders.Service',
  'stock.Service',
  'segment',
  'segment-below',
  'all',
  'staging/identity.v1.IdentityService',
  'staging',
];

function imported(servers: string): readonly string[] {
  const text = `http { upstream a { server 10.0.0.1:1; } upstream b { server 10.0.0.2:1; } ${servers} }`;
  const reading = readNginxText(text, 'nginx.conf', '/etc/nginx');
  assert.ok('configuration' in reading);
  const { yaml = '' } = importNginx(reading.configuration);
  const parsed = parseConfig(yaml, 'config.yaml');
  assert.ok('config' in parsed, JSON.stringify(parsed));
  return parsed.config.routes.map(({ name }) => name);
}

test('routes of a site are named by what tells them apart, and the configuration can be used', () => {
  assert.deepEqual(imported(SERVERS), NAMES);
});

test('routes keep their names when a server is added behind them', () => {
  const names = imported(`${SERVERS}${MORE}`);
  assert.deepEqual(names.slice(0, NAMES.length), NAMES);
  assert.deepEqual(names.slice(NAMES.length), ['staging.example', 'any.staging']);
});

test('routes that differ in their listener alone are told apart by it, and by a number at last', () => {
  const [http, https] = [{ listener: 'http' }, { listener: 'https' }];
  assert.deepEqual(
    namesOf(
      ['/*', http],
      ['/*', https],
      ['/a/*', https],
      ['/a', https],
      ['/a-https/*'],
      ['/a/*'],
      ['/a/*'],
      ['/a/*'],
    ),
    ['all', 'all-https', 'a', 'a-exact', 'a-https', 'a-2', 'a-3', 'a-4'],
  );
});

test('long paths with the same end are told apart by what stands before it', () => {
  assert.deepEqual(
    namesOf(
      ['/v1/users/profile/settings/notifications/*'],
      ['/v1/accounts/profile/settings/notifications/*'],
      ['/v2/users/profile/settings/notifications/*'],
      ['/v2/accounts/profile/settings/notifications/*'],
      ['/v2/accounts/profile/settings/notifications'],
    ),
    [
      'profile/settings/notifications',
      'accounts/settings/notifications',
      'users/settings/notifications',
      'v2/settings/notifications',
      'profile/settings/notifications-2',
    ],
  );
});

test('a route that asks for a header field is named by the field, never by its value', () => {
  const path = '/tenant.Service/*';
  assert.deepEqual(
    namesOf(
      [path, { header: ['x-tenant', 'blue'] }],
      [path],
      [path, { header: ['x-tenant', 'green'] }],
      [path, { header: ['x-api-key', 'geheim'] }],
      [path, { header: ['x-tenant', 'red'], host: 'a.example.com' }],
      [path, { header: ['x-tenant', 'grey'] }],
    ),
    [
      'tenant.Service-x-tenant',
      'tenant.Service',
      'tenant.Service-x-tenant-2',
      'tenant.Service-x-api-key',
      'a/tenant.Service-x-tenant',
      'tenant.Service-x-tenant-3',
    ],
  );
});

test('neither `if` nor `map` brings the value of a header field into a name', () => {
  const names = imported(`
    map $http_x_stage $backend { canary-7f3a b; default a; }
    server {
      listen 80;
      location /a.Service/ { if ($http_x_tenant = blue-51c9) { grpc_pass grpc://b; } grpc_pass grpc://a; }
      location /b.Service/ { grpc_pass grpc://$backend; }
    }`);
  assert.deepEqual(names, ['a.Service-x-tenant', 'a.Service', 'b.Service-x-stage', 'b.Service']);
});

test('each name is short enough for the log, has no character of its own meaning, and is one of a route alone', () => {
  const long = 'x'.repeat(300);
  const paths = [
    `/${long}/*`,
    `/${long}`,
    `/a/${long}.b/*`,
    `/${'very.'.repeat(40)}Long/*`,
    '/ä ö/%2F/"quoted"/*',
    '/../*',
    '/__proto__/*',
    '/constructor',
    '/*',
    '/',
  ];
  const hosts = [
    undefined,
    'a.example.com',
    '*.a.example.com',
    'b.example.com',
    `${long}.test`,
    '10.0.0.1',
    '[::1]',
    '~',
  ];
  const routes = hosts.flatMap((host) =>
    paths.flatMap((path) =>
      ['one', `listener-${long}`].map((listener) => [path, { host, listener }] as const),
    ),
  );
  const names = namesOf(...routes, ...routes);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[\w][\w./-]{0,39}$/);
});
