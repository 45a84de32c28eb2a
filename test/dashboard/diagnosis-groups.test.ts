// Diagnoses of one kind become one entry, from however many addresses they come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnosisGroups, isOfClient } from '../../dashboard/model/diagnosis-groups.ts';
import type { DiagnosisFact } from '../../src/admin/dashboard-figures.ts';
import { diagnosisCodes } from '../../src/diagnosis/codes.ts';

const TOKENS = [...diagnosisCodes.keys()];

function fact(code: string, lastAtEpochMs: number, others: Partial<DiagnosisFact> = {}): DiagnosisFact {
  return { code, token: `t-${code}`, sentence: code, atEpochMs: 1, lastAtEpochMs, count: 1, ...others };
}

test('a thousand clients with one mistake are one group, and the group with the newest comes first', () => {
  const clients = Array.from({ length: 1000 }, (_, index) =>
    fact('FG1001', index, { client: `192.0.2.${index % 250}:${index}`, count: 2 }),
  );
  const groups = diagnosisGroups([fact('FG2001', 5000, { endpoint: 'unix:/a' }), ...clients]);
  assert.deepEqual(
    groups.map(({ code, peers, count, lastAtEpochMs }) => [code, peers, count, lastAtEpochMs]),
    [
      ['FG2001', 1, 1, 5000],
      ['FG1001', 250, 2000, 999],
    ],
  );
  assert.equal(groups[1].facts[0].client, '192.0.2.249:999');
  assert.deepEqual(diagnosisGroups([]), []);
});

test('calls that a service has failed are not among the refused clients', () => {
  const ofServices = TOKENS.filter((token) => !isOfClient(fact('', 1, { token, client: '192.0.2.1:1' })));
  for (const token of [
    'upstream_connection_lost',
    'upstream_no_grpc_status',
    'attempt_timeout',
    'keys_unavailable',
  ])
    assert.ok(ofServices.includes(token), token);
  for (const token of [
    'upstream_refused_http',
    'credentials_missing',
    'call_limit',
    'plaintext_on_tls_port',
    'no_route',
  ])
    assert.ok(TOKENS.includes(token) && !ofServices.includes(token), token);
  assert.equal(isOfClient(fact('', 1, { token: 'upstream_connection_refused', endpoint: 'a:1' })), false);
});

test('what has no code is told apart by its token', () => {
  const groups = diagnosisGroups([fact('', 1, { token: 'a' }), fact('', 2, { token: 'b' })]);
  assert.deepEqual(
    groups.map(({ token }) => token),
    ['b', 'a'],
  );
});
