// Header fields of nginx in the routes of the output.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { templateText } from '../../src/config/header-template.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import type { HeaderChanges, RouteConfig } from '../../src/config/route-config.ts';
import { importNginx } from '../../src/nginx-import/import-nginx.ts';
import { type ReportLine, reportLines } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';

interface Imported {
  readonly route: RouteConfig;
  readonly yaml: string;
  readonly lines: readonly ReportLine[];
}

/** A location with these directives. */
function importFields(directives: string, around = ''): Imported {
  const text = `${around} server { listen 80; location / { grpc_pass grpc://127.0.0.1:1;\n${directives} } }`;
  const reading = readNginxText(text, 'nginx.conf', '/etc/nginx');
  assert.ok('configuration' in reading);
  const imported = importNginx(reading.configuration);
  const yaml = imported.yaml ?? '';
  const result = parseConfig(yaml, 'config.yaml');
  assert.ok('config' in result, yaml);
  return { route: result.config.routes[0], yaml, lines: reportLines(imported) };
}

function texts(map: HeaderChanges['set']): unknown {
  return Object.fromEntries(Array.from(map, ([name, template]) => [name, templateText(template)]));
}

function shown({ set, add, remove }: HeaderChanges): unknown {
  return { set: texts(set), add: texts(add), remove };
}

function verdictOf({ lines }: Imported, text: string): string | undefined {
  return lines.find((line) => line.text === text)?.verdict;
}

test('fields of requests are set, with the variables that there are, and taken away by an empty value', () => {
  const imported = importFields(`grpc_set_header X-Tenant blue;
    grpc_set_header X-About "$remote_addr \${host} $request_method $request_uri $ssl_protocol $http_user_agent";
    grpc_set_header X-Debug "";
    grpc_set_header X-Real-IP $remote_addr;`);
  assert.ok(imported.route.headers !== undefined);
  assert.deepEqual(shown(imported.route.headers.request), {
    set: {
      'x-tenant': 'blue',
      'x-about': '${client.address} ${host} ${method} ${path} ${tls.version} ${header.user-agent}',
      'x-real-ip': '${client.address}',
    },
    add: {},
    remove: ['x-debug'],
  });
});

test('a host that is a text becomes the authority, and one of variables is not supported', () => {
  assert.equal(
    importFields('grpc_set_header Host voice.internal:9000;').route.authority,
    'voice.internal:9000',
  );
  assert.equal(importFields('grpc_set_header Host $host;').route.authority, undefined);
  const odd = importFields('grpc_set_header Host $proxy_host;');
  assert.equal(odd.route.authority, undefined);
  assert.equal(verdictOf(odd, 'grpc_set_header Host …'), 'unsupported');
});

test('what cannot be said, or may be a secret, is reported and never written', () => {
  for (const directive of [
    'grpc_set_header X-Time $time_iso8601;',
    'grpc_set_header Authorization "Bearer SECRET";',
    'grpc_set_header grpc-timeout 1S;',
    'grpc_set_header Content-Length 5;',
    'add_header X-Cache $upstream_cache_status;',
    'add_header Set-Cookie a=SECRET;',
    'add_trailer grpc-status 0;',
  ]) {
    const imported = importFields(directive);
    assert.equal(imported.route.headers, undefined, directive);
    const line = imported.lines.find(({ text }) => /_header |_trailer /.test(text));
    assert.equal(line?.verdict, 'unsupported', directive);
    assert.doesNotMatch(`${imported.yaml}${JSON.stringify(imported.lines)}`, /SECRET/);
  }
});

test('what hides the field of the service and adds its own replaces it', () => {
  const { route } = importFields(`grpc_hide_header Server; grpc_hide_header X-Powered-By;
    add_header Server framegate always; add_header Vary Origin; add_trailer X-End yes always;`);
  assert.ok(route.headers !== undefined);
  assert.deepEqual(shown(route.headers.response), {
    set: { server: 'framegate' },
    add: { vary: 'Origin' },
    remove: ['x-powered-by'],
  });
  assert.deepEqual(shown(route.headers.trailers), { set: {}, add: { 'x-end': 'yes' }, remove: [] });
});

test('of several fields of one name the first is written, and the others are reported', () => {
  const imported = importFields('add_header Vary Origin always;\nadd_header Vary Accept always;');
  assert.ok(imported.route.headers !== undefined);
  assert.deepEqual(shown(imported.route.headers.response), { set: {}, add: { vary: 'Origin' }, remove: [] });
  assert.deepEqual(
    imported.lines.filter(({ text }) => text.startsWith('add_header')).map(({ verdict }) => verdict),
    ['carried', 'unsupported'],
  );
});

test('behind proxies that name the client its address is not that of the peer', () => {
  const imported = importFields('grpc_set_header X-Real-IP $remote_addr;', 'set_real_ip_from 10.0.0.0/8;');
  assert.equal(imported.route.headers, undefined);
});

test('no route has more fields than a hundred, however many locations inherit them', () => {
  const many = Array.from({ length: 150 }, (_, number) => `add_header X-${number} a always;`).join('\n');
  const imported = importFields('', many);
  assert.equal(imported.route.headers?.response.add.size, 100);
  assert.equal(imported.lines.filter(({ verdict }) => verdict === 'unsupported').length, 50);
});

test('one location behind proxies does not decide for those that are not', () => {
  const locations = ['location /a/ { grpc_pass grpc://127.0.0.1:1; }'];
  locations.push('location /b/ { set_real_ip_from 10.0.0.0/8; grpc_pass grpc://127.0.0.1:1; }');
  for (const order of [locations, locations.toReversed()]) {
    const text = `server { listen 80; grpc_set_header X-Real-IP $remote_addr; ${order.join('\n')} }`;
    const reading = readNginxText(text, 'nginx.conf', '/etc/nginx');
    assert.ok('configuration' in reading);
    const result = parseConfig(importNginx(reading.configuration).yaml ?? '', 'config.yaml');
    assert.ok('config' in result);
    const withHeader = result.config.routes.filter(({ headers }) => headers !== undefined);
    assert.deepEqual(
      withHeader.map(({ match }) => match.path),
      ['/a/*'],
    );
  }
});
