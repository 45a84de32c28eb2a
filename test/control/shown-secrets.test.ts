// Nobody who may see a configuration sees a secret in it: not in what is reported of it, in its differences, or in what is said of mistakes.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { annotationsOf } from '../../src/config/key-notes.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { annotatedSchema } from '../../src/config/schema.ts';
import { configDifferences, configHash } from '../../src/control/config-differences.ts';
import { configReport } from '../../src/control/config-report.ts';
import { wholeExample } from '../support/whole-example.ts';

/** What nobody can recognise as a secret by its form. */
const OPAQUE = 'c0rrect-h0rse';
/** What shows that it is one. */
const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.e30';

type Part = Readonly<Record<string, unknown>>;

/** Each text of the schema that may hold a credential, in the part of a configuration that has it. @param one differs between two configurations */
const PLACES: Readonly<Record<string, (one: string) => Part>> = {
  'routes[].match.headers.*': (one) => route({ match: { path: '/*', headers: { 'x-a': OPAQUE + one } } }),
  'routes[].headers.request.set.*': (one) =>
    route({ headers: { request: { set: { 'x-a': OPAQUE + one } } } }),
  'routes[].headers.request.add.*': (one) =>
    route({ headers: { request: { add: { 'x-a': `${OPAQUE}${one}\${host}` } } } }),
  'routes[].headers.response.set.*': (one) =>
    route({ headers: { response: { set: { 'x-a': `Bearer ${OPAQUE}${one}`, 'x-token': OPAQUE + one } } } }),
  'routes[].headers.response.add.*': (one) =>
    route({ headers: { response: { add: { 'x-a': TOKEN + one, 'set-cookie': OPAQUE + one } } } }),
  'routes[].headers.trailers.set.*': (one) =>
    route({ headers: { trailers: { set: { 'x-a': TOKEN + one, 'x-token': OPAQUE + one } } } }),
  'routes[].headers.trailers.add.*': (one) =>
    route({ headers: { trailers: { add: { 'x-a': TOKEN + one, 'x-token': OPAQUE + one } } } }),
  'routes[].respond.headers.*': (one) =>
    respond({ headers: { 'x-a': TOKEN + one, 'x-token': OPAQUE + one } }),
  'routes[].respond.body': (one) => respond({ body: `see ${TOKEN}${one}` }),
  'routes[].authorize.context.*': (one) =>
    route({ authorize: { upstream: 'voice', context: { password: OPAQUE + one, tenant: OPAQUE + one } } }),
  'routes[].limits[].descriptors[].*': (one) =>
    route({
      limits: [
        { service: 'voice', domain: 'd', descriptors: [{ tenant: `text:${OPAQUE}${one}` }], failure: 'open' },
      ],
    }),
  'trace.headers.*': (one) => ({
    trace: { exporter: 'http://127.0.0.1:4318', headers: { 'x-a': OPAQUE + one } },
  }),
};

/** A query is allowed in these, and may hold a secret. */
const URLS: Readonly<Record<string, (one: string) => Part>> = {
  'routes[].redirect.to': (one) => ({
    routes: [
      { name: 'r', match: { path: '/*' }, redirect: { to: `https://example.com/?token=${OPAQUE}${one}` } },
    ],
  }),
  'identities.*.jwt.jwks': (one) => ({
    identities: {
      staff: {
        jwt: {
          issuer: 'https://a.example',
          audience: 'a',
          jwks: `https://a.example/k?token=${OPAQUE}${one}`,
        },
      },
    },
  }),
};

/** A whole query may be a secret, and a parameter by any name. */
const QUERIES = [`code=${OPAQUE}`, OPAQUE, `x=1&y=${OPAQUE}?z=${OPAQUE}`];

function route(part: Part): Part {
  return { routes: [{ name: 'r', match: { path: '/*' }, upstream: 'voice', ...part }] };
}

function respond(part: Part): Part {
  return { routes: [{ name: 'r', match: { path: '/*' }, respond: { status: 404, ...part } }] };
}

function textOf(part: Part): string {
  return JSON.stringify({
    listeners: [{ name: 'clear', address: '127.0.0.1:0' }],
    routes: [{ name: 'r', match: { path: '/*' }, upstream: 'voice' }],
    upstreams: { voice: { endpoints: ['127.0.0.1:1'] } },
    ...part,
  });
}

function loaded(part: Part): Config {
  const result = parseConfig(textOf(part), '/etc/framegate/config.yaml');
  assert.ok('config' in result, JSON.stringify(result));
  return result.config;
}

function reportOf(config: Config): string {
  const reloads = { reloaded: 0, refused: 0, failed: 0, last: undefined, lastError: undefined };
  const current = { epoch: 1, config, loadedAtEpochMs: 0, warnings: [] };
  return JSON.stringify(configReport(current, { calls: 0, olderEpochs: [], processes: [] }, [], reloads));
}

function assertHidden(text: string, where: string): void {
  for (const secret of [OPAQUE, TOKEN]) assert.ok(!text.includes(secret), `${where}: ${text}`);
}

/** The paths of all texts that are marked. */
function markedIn(schema: unknown, path = ''): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const {
    properties = {},
    additionalProperties,
    items,
    anyOf = [],
  } = { ...schema } as Record<string, object>;
  return [
    ...(annotationsOf(schema).shown === undefined ? [] : [path]),
    ...Object.entries(properties).flatMap(([name, part]) =>
      markedIn(part, path === '' ? name : `${path}.${name}`),
    ),
    ...markedIn(additionalProperties, `${path}.*`),
    ...markedIn(items, `${path}[]`),
    ...Object.values(anyOf).flatMap((part) => markedIn(part, path)),
  ];
}

test('every text that the schema marks as possible secret is looked at here', () => {
  assert.deepEqual([...new Set(markedIn(annotatedSchema()))].toSorted(), Object.keys(PLACES).toSorted());
});

for (const [path, partOf] of Object.entries({ ...PLACES, ...URLS })) {
  test(`no secret shows that a configuration has in ${path}`, () => {
    const [before, after] = [loaded(partOf('1')), loaded(partOf('2'))];
    assertHidden(reportOf(before), 'report');
    const { entries } = configDifferences(before, after);
    assert.ok(entries.length > 0, 'a secret that changes is a difference');
    assertHidden(JSON.stringify(entries), 'difference');
    for (const { before: old, after: now } of entries) assert.match(`${old} ${now}`, /redacted.*redacted/);
    const added = configDifferences(loaded({}), before);
    assertHidden(JSON.stringify(added), 'added');
    assert.equal(configHash(before), configHash(after), 'no secret is a part of the hash');
  });

  test(`no mistake in ${path} is told with the secret`, () => {
    for (const one of ['\n', '\u0001', ' ', 'x'.repeat(70_000), '${']) {
      const result = parseConfig(textOf(partOf(one)), '/etc/framegate/config.yaml');
      if (!('config' in result)) assertHidden(JSON.stringify(result), JSON.stringify(one.slice(0, 9)));
    }
  });
}

for (const query of QUERIES) {
  const identities = (one: string) => ({
    identities: {
      staff: {
        jwt: { issuer: 'https://a.example', audience: 'a', jwks: `https://a.example/k?${query}${one}` },
      },
    },
  });
  test(`the URL of keys is shown without its query ${query}`, () => {
    const [before, after] = [loaded(identities('1')), loaded(identities('2'))];
    assertHidden(reportOf(before), 'report');
    assert.match(reportOf(before), /"https:\/\/a\.example\/k\?\[redacted\]"/);
    const shown = 'https://a.example/k?[redacted]';
    assert.deepEqual(configDifferences(before, after).entries, [
      { path: 'identities.staff.jwt.jwks', before: shown, after: shown },
    ]);
  });
}

test('what is sent to services is shown if it is made of variables alone, and what clients get if it looks harmless', () => {
  const text = reportOf(
    loaded(
      route({
        headers: {
          request: { set: { 'x-client': '${client.address}', 'x-team': 'red' } },
          response: { set: { 'x-frame-options': 'DENY' } },
        },
      }),
    ),
  );
  assert.match(text, /"x-client":"\$\{client\.address\}","x-team":"\[redacted\]"/);
  assert.match(text, /"x-frame-options":"DENY"/);
});

test('what the commands say of a configuration holds no secret of it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-shown-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'config.yaml');
  const parts = Object.values(PLACES).map((partOf) => partOf('1'));
  const routes = parts
    .flatMap(({ routes: some }) => (Array.isArray(some) ? some : []))
    .map((one: object, index) => ({
      ...one,
      name: `r${index}`,
      match: { path: `/${index}/*`, headers: { 'x-a': OPAQUE } },
    }));
  writeFileSync(
    file,
    textOf({ ...PLACES['trace.headers.*']('1'), admin: 'off', routes: [...routes, routes[0]] }),
  );
  for (const args of [
    ['check', '-c', file],
    ['check', '-c', file, '--json'],
    ['explain'],
    ['status', '-c', file],
  ]) {
    const { stdout, stderr } = spawnSync(process.execPath, ['src/main.ts', ...args], { encoding: 'utf8' });
    assert.notEqual(stdout + stderr, '', args.join(' '));
    assertHidden(stdout + stderr, args.join(' '));
  }
});

test('nothing of the example that is marked as possible secret is shown', () => {
  const result = parseConfig(wholeExample(), '/etc/framegate/config.yaml');
  assert.ok('config' in result);
  const text = reportOf(result.config);
  for (const { headers, authorize } of result.config.routes) {
    for (const value of authorize?.context.values() ?? []) assert.ok(!text.includes(`:"${value}"`), value);
    for (const template of headers?.request.set.values() ?? [])
      for (const part of template)
        if (part.kind === 'text') assert.ok(!text.includes(`:"${part.text}`), part.text);
  }
});
