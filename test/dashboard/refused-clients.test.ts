// The summary counts those refused clients that the section below it lists.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusedClients } from '../../dashboard/model/refused-clients.ts';
import type { DiagnosisFact } from '../../src/admin/dashboard-figures.ts';

function fact(code: string, token: string, others: Partial<DiagnosisFact>): DiagnosisFact {
  return { code, token, sentence: code, atEpochMs: 1, lastAtEpochMs: 1, count: 1, ...others };
}

const failedByService = fact('FG3011', 'upstream_connection_lost', {
  client: '192.0.2.1:1',
  lastAtEpochMs: 900,
});

test('a call that a service has failed is no refused client, although it has one', () => {
  const none = { count: 0, lastAtEpochMs: undefined };
  assert.deepEqual(refusedClients({ recent: [failedByService], counts: { FG3011: 9 } }), none);
  assert.deepEqual(refusedClients(undefined), none);
});

test('what is listed is counted since the start, also where no entry is left of a client', () => {
  const recent = [
    failedByService,
    fact('FG1001', 'plaintext_on_tls_port', { client: '192.0.2.1:1', lastAtEpochMs: 500, count: 2 }),
    fact('FG1001', 'plaintext_on_tls_port', { client: '192.0.2.2:1', lastAtEpochMs: 400 }),
    fact('', 'not_http', { client: '192.0.2.3:1', lastAtEpochMs: 100, count: 4 }),
    fact('FG2001', 'upstream_connection_refused', { endpoint: '127.0.0.1:1', lastAtEpochMs: 800 }),
  ];
  const counts = { FG1001: 7, FG2001: 5, FG3011: 9 };
  assert.deepEqual(refusedClients({ recent, counts }), { count: 11, lastAtEpochMs: 500 });
});
