// What is shown of the difference between two configurations: each part that differs, and never a secret.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigurationChange } from '../../src/admin/dashboard-figures.ts';
import type { Config } from '../../src/config/config.ts';
import { configDifferences, configHash } from '../../src/control/config-differences.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

async function config(sections: Readonly<Record<string, unknown>> = {}): Promise<Config> {
  return configOf(await proxyConfigText({ sections }));
}

function entries(before: Config, after: Config): readonly ConfigurationChange[] {
  return configDifferences(before, after).entries;
}

function upstream(endpoints: readonly unknown[], more = {}): Readonly<Record<string, unknown>> {
  return { upstreams: { voice: { endpoints, ...more } } };
}

/** With a secret in each place that may hold one. */
function withToken(token: string): Promise<Config> {
  const fields = { authorization: token, plain: 'open' };
  const headers = { request: { set: { 'x-api-key': token } }, response: { add: { 'x-token': token } } };
  const [cookie, trace] = [
    { 'set-cookie': token },
    { exporter: 'http://127.0.0.1:4318', headers: { any: token } },
  ];
  return config({
    routes: [
      { name: 'all', match: { path: '/*', headers: fields }, upstream: 'voice', headers },
      { name: 'own', match: { path: '/own/*' }, respond: { status: 404, headers: cookie } },
    ],
    trace,
  });
}

test('equal configurations differ in nothing, and have one hash', async () => {
  assert.deepEqual(configDifferences(await config(), await config()).entries, []);
  assert.equal(configHash(await config()), configHash(await config()));
  assert.match(configHash(await config()), /^[0-9a-f]{16}$/);
  assert.notEqual(configHash(await config()), configHash(await config({ drain: { timeout: '7s' } })));
});

test('limits of a route are shown as in the file, each by itself', async () => {
  const lists = [
    [{ count: 'calls', rate: '100/s', burst: 200, by: ['client', 'header:x-tenant'] }, { bodySize: '10MiB' }],
    [
      { count: 'bytes', direction: 'response', rate: '64KiB/m', by: ['stream'], exceed: 'end' },
      { bodySize: '10MiB' },
      { messageSize: '1025', direction: 'both' },
      {
        service: 'voice',
        domain: 'd',
        descriptors: [{ who: 'client', tenant: 'text:a b' }],
        failure: 'closed',
      },
    ],
  ];
  const [before, after] = await Promise.all(
    lists.map(async (limits) =>
      config({ routes: [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', limits }] }),
    ),
  );
  const texts = entries(before, after).map(({ path, before: old, after: now }) => [path, old, now]);
  assert.deepEqual(texts, [
    [
      'routes.voice.limits.0',
      '{ count: calls, rate: 100/s, burst: 200, by: [client, "header:x-tenant"] }',
      '{ count: bytes, direction: response, rate: 64KiB/m, by: [stream], exceed: end }',
    ],
    ['routes.voice.limits.2', undefined, '{ messageSize: 1025, direction: both }'],
    [
      'routes.voice.limits.3',
      undefined,
      '{ service: voice, domain: d, descriptors: [{ who: client, tenant: "text:[redacted]" }], timeout: 100ms, failure: closed }',
    ],
  ]);
});

test('a value that differs is named by its path, before and after', async () => {
  const [before, after] = [
    await config({ drain: { timeout: '5s' } }),
    await config({ drain: { timeout: '7s' } }),
  ];
  assert.deepEqual(entries(before, after), [{ path: 'drain.timeout', before: '5s', after: '7s' }]);
});

test('endpoints, upstreams and routes are known by their names, not by their place', async () => {
  const before = await config(upstream(['10.0.0.1:1', '10.0.0.2:1']));
  const after = await config(upstream([{ address: '10.0.0.2:1', weight: 5 }, '10.0.0.3:1']));
  const found = entries(before, after);
  assert.deepEqual(
    found.map(({ path }) => path),
    [
      'upstreams.voice.endpoints["10.0.0.1:1"]',
      'upstreams.voice.endpoints["10.0.0.2:1"].weight',
      'upstreams.voice.endpoints["10.0.0.3:1"]',
    ],
  );
  assert.deepEqual([found[1].before, found[1].after], ['1', '5']);
  assert.deepEqual([found[0].after, found[2].before], [undefined, undefined]);
  assert.equal(found[2].after, 'weight: 1\npriority: 0');
  const swapped = await config(upstream(['10.0.0.2:1', '10.0.0.1:1']));
  assert.deepEqual(entries(before, swapped), []);
});

test('a secret that changes is shown as changed, and never itself', async () => {
  const [before, after] = [await withToken('secret-one'), await withToken('secret-two')];
  const found = entries(before, after);
  assert.deepEqual(found.map(({ path }) => path).toSorted(), [
    'routes.all.headers.request.set.x-api-key',
    'routes.all.headers.response.add.x-token',
    'routes.all.match.headers.authorization',
    'routes.own.respond.headers.set-cookie',
    'trace.headers.any',
  ]);
  for (const entry of found) assert.deepEqual([entry.before, entry.after], ['[redacted]', '[redacted]']);
  const added = entries(
    await config({ routes: [{ name: 'other', match: { path: '/*' }, upstream: 'voice' }] }),
    before,
  ).map(({ after: text }) => text);
  assert.match(added.join(), /authorization: \[redacted\]\n +plain: \[redacted\]/);
  assert.ok(!JSON.stringify([found, added]).includes('secret'));
});

test('where the secret for a collector is read is shown', async () => {
  const exporter = 'http://127.0.0.1:4318';
  const before = await config({ trace: { exporter, headers: { any: 'secret-one' } } });
  const after = await config({ trace: { exporter, headers: { any: { file: '/run/key' } } } });
  const found = entries(before, after);
  assert.match(JSON.stringify(found), /trace\.headers\.any.*\/run\/key/);
  assert.ok(!JSON.stringify(found).includes('secret-one'));
});

test('no part of a hash is a secret', async () => {
  assert.equal(configHash(await withToken('secret-one')), configHash(await withToken('secret-two')));
});

test('the list and its texts are bounded, and what is left out is counted', async () => {
  const addresses = Array.from({ length: 1000 }, (_, index) => `10.1.${index >> 8}.${index & 255}:1`);
  const before = await config(upstream(['10.0.0.1:1']));
  const { entries: found, leftOut } = configDifferences(before, await config(upstream(addresses)));
  assert.deepEqual([found.length, leftOut], [200, 801]);
  const upstreams = Object.fromEntries(
    Array.from({ length: 2 }, (_, index) => [index === 0 ? 'voice' : 'more', { endpoints: addresses }]),
  );
  const [more] = entries(await config(upstream(addresses)), await config({ upstreams }));
  assert.equal(more.path, 'upstreams.more');
  assert.match(more.after ?? '', /^endpoints:\n  10\.1\.0\.0:1:\n    weight: 1\n/);
  assert.match(more.after ?? '', /\n… and \d+ more lines$/);
  assert.ok((more.after?.split('\n').length ?? 0) <= 51);
});

test('a route that is added is shown with the keys it has, in lines, without what is off', async () => {
  const routes = [{ name: 'voice', match: { path: '/*' }, upstream: 'voice' }];
  const web = {
    name: 'web',
    match: { path: '/web/*', headers: { 'x-tenant': 'blue' } },
    upstream: 'voice',
    timeouts: { deadline: '90s' },
    limits: [{ count: 'calls', rate: '10/s', by: ['client'] }],
    respond: undefined,
  };
  const found = entries(await config({ routes }), await config({ routes: [...routes, web] }));
  const lines = [
    'match:',
    '  path: /web/*',
    '  headers:',
    '    x-tenant: [redacted]',
    'upstream: voice',
    'timeouts:',
    '  deadline: 90s',
    'limits:',
    '  0: { count: calls, rate: 10/s, by: [client] }',
  ];
  assert.deepEqual(found, [{ path: 'routes.web', after: lines.join('\n') }]);
});

function withBody(body: string): Promise<Config> {
  return config({ routes: [{ name: 'own', match: { path: '/*' }, respond: { status: 404, body } }] });
}

test('texts of one line stay one line, and long ones are cut', async () => {
  const [found] = entries(await withBody('a\nb: c'), await withBody('x'.repeat(10_000)));
  assert.equal(found.before, '"a\\nb: c"');
  assert.deepEqual([found.after?.length, found.after?.at(-1)], [200, '…']);
});
