// A site that is eight times as large takes about eight times as long, whatever it has many of. The work is measured as CPU time of this
// process, with a wide margin: what grows with the square takes sixty-four times as long.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importNginx } from '../../src/nginx-import/import-nginx.ts';
import { formatReport } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';

const FEW = 1000;
const TIMES = 8;
const MOST_RATIO = 26;

type Part = (index: number) => string;

function locations(...parts: readonly Part[]): (count: number) => string {
  return (count) =>
    `http { upstream u { server 127.0.0.1:1; } server { listen 80; ${repeat(count, (index) => parts[index % parts.length](index))} } }`;
}

function repeat(count: number, part: Part): string {
  return Array.from({ length: count }, (_, index) => part(index)).join('\n');
}

const plain: Part = (index) => `location /a.S${index}/ { proxy_pass http://u; }`;

const sites: Readonly<Record<string, (count: number) => string>> = {
  'expressions beside prefixes': locations(
    plain,
    (index) => `location ~ ^/b.S${index}/ { grpc_pass grpc://u; }`,
  ),
  'places that refuse': locations(plain, (index) => `location /b.S${index}/ { return 403; }`),
  'places that close the connection': locations(plain, (index) => `location /b.S${index}/ { return 444; }`),
  'places with files': locations(plain, (index) => `location /b.S${index}/ { root /x; }`),
  'places for some clients': locations(
    (index) => `location /b.S${index}/ { allow 10.0.0.${index % 250}; deny all; proxy_pass http://u; }`,
  ),
  'nested locations': locations(
    (index) => `location /a.S${index}/ { location /a.S${index}/m { grpc_pass grpc://u; } }`,
  ),
  'long paths with one end': locations(
    (index) => `location /s${index % 50}/t${index}/profile/settings/notifications/ { grpc_pass grpc://u; }`,
  ),
  addresses: locations(
    (index) => `location /a.S${index}/ { grpc_pass grpc://10.1.${index >> 8}.${index & 255}:80; }`,
  ),
  upstreams: (count) =>
    `http { ${repeat(count, (index) => `upstream u${index} { server 127.0.0.1:1; }`)}
      server { listen 80; ${repeat(count, (index) => `location /a.S${index}/ { grpc_pass grpc://u${index}; }`)} } }`,
  listeners: (count) =>
    `http { ${repeat(count, (index) => `server { listen ${1000 + index}; location / { grpc_pass grpc://10.0.0.1; } }`)} }`,
  hosts: (count) =>
    `http { ${repeat(count, (index) => `server { listen 80; server_name *.h${index}.example; location /a/ { grpc_pass grpc://10.0.0.1; } }`)} }`,
};

function cpuMs(text: string): number {
  const before = process.cpuUsage();
  const reading = readNginxText(text, 'x', '/etc/nginx');
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  const imported = importNginx(reading.configuration);
  assert.ok(imported.yaml !== undefined);
  formatReport(imported);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

for (const [name, make] of Object.entries(sites)) {
  test(`a site with eight times as many ${name} does not take the square of it`, () => {
    cpuMs(make(FEW));
    const few = cpuMs(make(FEW));
    const many = cpuMs(make(FEW * TIMES));
    assert.ok(many < few * MOST_RATIO, `${Math.round(few)} ms, then ${Math.round(many)} ms`);
  });
}
