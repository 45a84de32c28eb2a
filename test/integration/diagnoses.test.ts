// What was refused and what could not be reached is shown by the admin API of a running proxy, with its code.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { startProxy } from '../support/proxy-under-test.ts';

interface Entry {
  readonly code: string;
  readonly token: string;
  readonly sentence: string;
  readonly count: number;
  readonly listener?: string;
  readonly client?: string;
  readonly upstream?: string;
  readonly endpoint?: string;
  readonly store?: string;
}

interface Report {
  readonly counts: Readonly<Record<string, number>>;
  readonly recent: readonly Entry[];
  readonly remedies: Readonly<Record<string, string>>;
}

function isReport(value: unknown): value is Report {
  return typeof value === 'object' && value !== null && 'counts' in value && 'recent' in value;
}

async function readReport(admin: string): Promise<Report> {
  const report: unknown = await (await fetch(`http://${admin}/api/diagnoses`)).json();
  assert.ok(isReport(report));
  return report;
}

async function sendInTheClear(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.resume();
  socket.end('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(socket, 'close');
}

test('refused clients and endpoints that are down are counted and shown by the admin API', async (t) => {
  const proxy = await startProxy(t, {
    endpoints: ['127.0.0.1:1'],
    sections: { admin: { address: '127.0.0.1:0' } },
  });
  const opened = await proxy.line(({ msg }) => msg === 'admin server listens');
  const admin = String(opened['address']);
  assert.deepEqual(await readReport(admin), {
    counts: {},
    recent: [],
    reasons: {},
    clients: [],
    remedies: {},
  });
  await proxy.voiceClient('tls').say({});
  await sendInTheClear(proxy.port('tls'));
  await sendInTheClear(proxy.port('tls'));
  await eventually('both refusals are counted', async () => {
    const { counts } = await readReport(admin);
    return counts['FG1002'] === 2;
  });
  const { recent, remedies } = await readReport(admin);
  const refused = recent.find(({ code }) => code === 'FG1002');
  assert.deepEqual([refused?.token, refused?.listener, refused?.count], ['http1_on_tls_port', 'tls', 2]);
  assert.match(refused?.client ?? '', /^127\.0\.0\.1:\d+$/);
  const down = recent.find(({ code }) => code === 'FG2001');
  assert.deepEqual([down?.token, down?.endpoint], ['upstream_connection_refused', '127.0.0.1:1']);
  assert.deepEqual(Object.keys(remedies).toSorted(), ['FG1002', 'FG2001']);
  assert.match(remedies['FG2001'], /^Start the service, and compare the address/);
  const line = await proxy.line(({ code }) => code === 'FG1002');
  assert.equal(line['token'], 'http1_on_tls_port');
});

test('a store that is down is shown by the admin API with what to do, also where no call needs it', async (t) => {
  const limits = [{ count: 'calls', rate: '10/s', by: ['route'], store: 'fleet' }];
  const proxy = await startProxy(t, {
    endpoints: ['127.0.0.1:1'],
    sections: {
      admin: { address: '127.0.0.1:0' },
      routes: [{ match: { path: '/*' }, upstream: 'voice', limits }],
      stores: { fleet: { redis: 'redis://127.0.0.1:1', failure: 'open' } },
    },
  });
  const admin = String((await proxy.line(({ msg }) => msg === 'admin server listens'))['address']);
  await eventually(
    'the outage is counted',
    async () => ((await readReport(admin)).counts['FG2061'] ?? 0) > 0,
    START_TIMEOUT_MS,
  );
  const { recent, remedies } = await readReport(admin);
  const [down] = recent;
  assert.deepEqual([down.code, down.token, down.store], ['FG2061', 'store_unavailable', 'fleet']);
  assert.equal(
    down.sentence,
    'Store fleet (127.0.0.1:1) does not answer: ECONNREFUSED. Until it answers, its limits let everything pass.',
  );
  assert.match(remedies['FG2061'], /^The reason in the sentence/);
});
