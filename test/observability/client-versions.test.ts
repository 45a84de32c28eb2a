// What is kept of user-agents: known libraries and short versions, in a bounded table.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientProduct } from '../../src/diagnosis/client-library.ts';
import {
  type ClientVersion,
  ClientVersions,
  MOST_VERSIONS_OF_A_LIBRARY,
  mergeClientVersions,
} from '../../src/observability/client-versions.ts';

test('connections are counted by library and version, the last seen first', () => {
  let nowEpochMs = 1000;
  const clients = new ClientVersions(() => nowEpochMs++);
  for (const userAgent of [
    'grpc-go/1.66.2',
    'grpc-python/1.60.0 grpc-c/37.0.0 (linux; chttp2)',
    'my-app/9.9 grpc-go/1.66.2',
    'grpcurl/v1.8.9 grpc-go/1.57.0',
    'tonic/0.12.0-rc.1',
    'Mozilla/5.0 (X11)',
    undefined,
  ])
    clients.note(clientProduct(userAgent));
  assert.deepEqual(
    clients.report().map(({ library, version, connections }) => `${library} ${version}: ${connections}`),
    [
      'other : 1',
      'browser : 1',
      'tonic 0.12.0-rc.1: 1',
      'grpcurl 1.8.9: 1',
      'grpc-go 1.66.2: 2',
      'grpc-python 1.60.0: 1',
    ],
  );
  assert.equal(clients.report()[4].lastAtEpochMs, 1002);
});

test('nothing of a hostile user-agent is kept but the library', () => {
  let nowEpochMs = 1000;
  const clients = new ClientVersions(() => nowEpochMs--);
  for (const userAgent of [
    `grpc-go/${'9'.repeat(100_000)}`,
    'grpc-go/1.2.3\u0007\u001b[31m',
    'grpc-go/<script>',
    'grpc-go/1.2.3.4.5.6',
    'grpc-go/../../etc/passwd',
    'grpc-go/secret-token',
  ])
    clients.note(clientProduct(userAgent));
  clients.note(clientProduct('x'.repeat(1_000_000)));
  clients.note(clientProduct('\u0000\u0001\u00ff'));
  assert.deepEqual(
    clients.report().map(({ library, version, connections }) => `${library} ${version}: ${connections}`),
    ['grpc-go : 6', 'other : 2'],
  );
});

function nameOf({ library }: ClientVersion): string {
  return library;
}

function connectionsOf(rows: readonly ClientVersion[], library: string, version: string): number | undefined {
  const wanted = rows.find((row) => `${nameOf(row)} ${row.version}` === `${library} ${version}`);
  return wanted?.connections;
}

test('thousands of versions take no more rows than the bound, and hide neither other libraries nor what is used more', () => {
  let nowEpochMs = 1000;
  const clients = new ClientVersions(() => nowEpochMs++);
  for (let time = 0; time < 40; time++) clients.note(clientProduct('grpc-java-netty/1.66.0'));
  for (let patch = 0; patch < 5000; patch++) clients.note(clientProduct(`grpc-java-netty/1.60.${patch}`));
  for (let time = 0; time < 3; time++) clients.note(clientProduct('grpc-java-netty/1.67.0'));
  for (let patch = 0; patch < 50; patch++) clients.note(clientProduct(`grpc-java-netty/1.61.${patch}`));
  clients.note(clientProduct('tonic/1.0.0'));
  const rows = clients.report();
  assert.equal(rows.length, MOST_VERSIONS_OF_A_LIBRARY + 2);
  assert.equal(connectionsOf(rows, 'grpc-java', '1.66.0'), 40);
  assert.equal(connectionsOf(rows, 'grpc-java', '1.67.0'), 3, 'a new version that is used makes its way');
  assert.equal(connectionsOf(rows, 'grpc-java', 'others'), 5050 - (MOST_VERSIONS_OF_A_LIBRARY - 2));
  assert.equal(nameOf(rows[0]), 'tonic');
  assert.equal(rows[0].version, '1.0.0');
});

test('of the rows of many processes those with the most connections stay', () => {
  const madeUp = Array.from({ length: 40 }, (_, patch) => ({
    library: 'grpc-go',
    version: `9.0.${patch}`,
    connections: 1,
    lastAtEpochMs: 9,
  }));
  const real = { library: 'grpc-go', version: '1.66.2', connections: 5, lastAtEpochMs: 1 };
  const others = { library: 'grpc-go', version: 'others', connections: 7, lastAtEpochMs: 2 };
  const merged = mergeClientVersions([madeUp.slice(0, 20), [real, others], madeUp.slice(20)]);
  assert.equal(merged.length, MOST_VERSIONS_OF_A_LIBRARY + 1);
  assert.equal(connectionsOf(merged, 'grpc-go', '1.66.2'), 5);
  assert.equal(connectionsOf(merged, 'grpc-go', 'others'), 7 + 40 - (MOST_VERSIONS_OF_A_LIBRARY - 1));
});

test('rows of several processes are added up', () => {
  const row = { library: 'grpc-go', version: '1.66.2', connections: 2, lastAtEpochMs: 5 };
  assert.deepEqual(mergeClientVersions([[row], [{ ...row, connections: 3, lastAtEpochMs: 4 }], []]), [
    { ...row, connections: 5 },
  ]);
});
