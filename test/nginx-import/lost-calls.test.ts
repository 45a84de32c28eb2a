// Which route gets the calls that nginx refuses, or sends elsewhere: the one that a proxy with this configuration chooses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { type ImportedConfiguration, importNginx } from '../../src/nginx-import/import-nginx.ts';
import { formatReport } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';
import { findRouteProblems } from '../../src/routing/route-problems.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';

const web = 'proxy_pass http://127.0.0.1:8000;';
const files = 'root /srv/www;';

function imported(text: string): ImportedConfiguration {
  const reading = readNginxText(text, 'x', '/etc/nginx');
  assert.ok('configuration' in reading);
  return importNginx(reading.configuration);
}

/** The lines of nginx whose routes the report names. */
function named(text: string): readonly string[] {
  return Array.from(
    formatReport(imported(text)).matchAll(
      /(?:now|served(?: by)?):? ?(.*?) takes? (?:them|it)|served by (.*)/g,
    ),
    ([, takers, servers]) => takers ?? servers,
  );
}

/** The names of the routes that have a remark of calls that nginx does not send there, or refuses. */
function remarked(text: string): readonly string[] {
  const yaml = imported(text).yaml ?? '';
  return Array.from(yaml.matchAll(/# Takes calls .*\n(?: +#.*\n)* +- name: (.*)/g), ([, name]) => name);
}

/** The name of the route that a call takes. */
function taken(text: string, host: string, path: string): string | undefined {
  const result = parseConfig(imported(text).yaml ?? '', 'config.yaml', findRouteProblems);
  assert.ok('config' in result);
  const { listeners, routes } = result.config;
  const request = { listener: listeners[0].name, authority: host, path, headers: new Map<string, string>() };
  return compileRoutes(routes).match(request)?.name;
}

const first = `server { listen 80; server_name a.example;
location / { return 404; } location /a.B/ { grpc_pass grpc://127.0.0.1:1; } `;
const second = 'server { listen 80; server_name www.example;';

test('what a server loses goes to its own wide route rather than to one without a host', () => {
  const text = `${first} }\n${second} location /static/ { ${files} }\nlocation / { ${web} } }`;
  assert.deepEqual(named(text), ['the route of x:4']);
  assert.deepEqual(remarked(text), ['www']);
  assert.equal(taken(text, 'www.example', '/static/a.css'), 'www');
});

test('what a server without a wide route loses goes to the one without a host', () => {
  const text = `${first} }\n${second} location /static/ { ${files} }\nlocation /ws/ { ${web} } }`;
  assert.deepEqual(named(text), ['the route of x:2']);
  assert.deepEqual(remarked(text), [taken(text, 'www.example', '/static/a.css')]);
});

test('the route of a wildcard comes after that of the host, and before those without a host', () => {
  const wildcard = `server { listen 80; server_name *.example;\nlocation / { ${web} } }`;
  const lost = (own: string): string =>
    `${first} }\n${second} location /s/ { ${files} }\n${own} }\n${wildcard}`;
  assert.deepEqual(named(lost('location /t/ { grpc_pass grpc://127.0.0.1:1; }')), ['the route of x:6']);
  assert.deepEqual(named(lost(`location / { ${web} }`)), ['the route of x:4']);
});

test('a rewriting that is lost names the route that its paths take, not the first of the server', () => {
  const rewrite = String.raw`rewrite ^/legacy/(.*)$ /acme.$1 last;`;
  const text = `server { listen 80;\n${rewrite}\nlocation /a.B/ { grpc_pass grpc://127.0.0.1:1; }\nlocation / { return 404; } }`;
  assert.deepEqual(named(text), ['the route of x:4']);
  assert.deepEqual(remarked(text), [taken(text, 'any.example', '/legacy/a')]);
});

test('a rewriting comes before the locations, so that also narrower ones of its server get calls of it', () => {
  const text = `server { listen 80;\nrewrite ^/a.*[0-9]+ /x last;\nlocation /a.B/ { ${web} }\nlocation / { return 404; } }`;
  assert.deepEqual(named(text), ['the routes of x:3, x:4']);
});

test('where the paths are not known the report says that the path decides', () => {
  const text = `server { listen 80; location /a.B/ { grpc_pass grpc://127.0.0.1:1; }\nlocation / { return 404; }
location ~ \\.png$ { ${web} } }`;
  assert.deepEqual(named(text), ['the route that fits the path of each']);
  assert.match(formatReport(imported(text)), /takes it, such as that of x:2$/m);
});

test('a refusal is lost to the route of a wildcard and not to one without a host, and the remark stands there alone', () => {
  const text = `${first} }\n${second} return 444; }
server { listen 80; server_name *.example;\nlocation / { ${web} } }`;
  assert.deepEqual(named(text), ['the route of x:5']);
  assert.deepEqual(remarked(text), [taken(text, 'www.example', '/')]);
});

test('a route for one value of a header field gets some calls, and the one beside it the others', () => {
  const condition = 'if ($http_x_a = b) { grpc_pass grpc://127.0.0.1:2; }';
  const text = `server { listen 80; location /s/ { ${files} }\nlocation / { ${condition} grpc_pass grpc://127.0.0.1:1; } }`;
  assert.equal(remarked(text).length, 2);
});
