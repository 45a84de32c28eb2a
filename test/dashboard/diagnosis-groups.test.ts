// Diagnoses of one kind become one entry, from however many addresses they come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DiagnosisGroup,
  diagnosisGroups,
  type GroupedFacts,
  isOfClient,
} from '../../dashboard/model/diagnosis-groups.ts';
import type { DiagnosisFact, DiagnosisReasonFact } from '../../src/admin/dashboard-figures.ts';
import { failure } from '../../src/calls/failure.ts';
import { diagnosisCodes } from '../../src/diagnosis/codes.ts';

const TOKENS = [...diagnosisCodes.keys()];

function fact(code: string, lastAtEpochMs: number, others: Partial<DiagnosisFact> = {}): DiagnosisFact {
  return { code, token: `t-${code}`, sentence: code, atEpochMs: 1, lastAtEpochMs, count: 1, ...others };
}

function reason(sentence: string, count: number): DiagnosisReasonFact {
  return { sentence, count, lastAtEpochMs: 1 };
}

const FAILURES = (
  [
    'deadline_exceeded',
    'upstream_connection_lost',
    'upstream_protocol_error',
    'upstream_headers_too_large',
    'upstream_no_grpc_status',
    'keys_unavailable',
    'draining',
    'stream_too_old',
    'stream_rebalanced',
    'memory_pressure',
    'no_route',
    'timeout_malformed',
    'client_stalled',
    'request_idle',
    'idle_gave_way',
  ] as const
).map((token) => failure(token, ''));

/** @returns undefined if it is none of these */
function sourceOf(token: string): string | undefined {
  return FAILURES.find((one) => one.token === token)?.source;
}

function groupsOf(
  recent: readonly DiagnosisFact[],
  others: Partial<GroupedFacts> = {},
): readonly DiagnosisGroup[] {
  return diagnosisGroups({ recent, counts: {}, reasons: {}, ...others });
}

test('a thousand clients with one mistake are one group, and the group with the newest comes first', () => {
  const clients = Array.from({ length: 1000 }, (_, index) =>
    fact('FG1001', index, { client: `192.0.2.${index % 250}:${index}`, count: 2 }),
  );
  const groups = groupsOf([fact('FG2001', 5000, { endpoint: 'unix:/a' }), ...clients]);
  assert.deepEqual(
    groups.map(({ code, peers, count, lastAtEpochMs }) => [code, peers, count, lastAtEpochMs]),
    [
      ['FG2001', 1, 1, 5000],
      ['FG1001', 250, 2000, 999],
    ],
  );
  assert.equal(groups[1].facts[0].client, '192.0.2.249:999');
  assert.deepEqual(groupsOf([]), []);
});

test('calls that a service has failed are not among the refused clients', () => {
  const ofServices = TOKENS.filter((token) => !isOfClient(fact('', 1, { token, client: '192.0.2.1:1' })));
  for (const token of [
    'upstream_connection_lost',
    'upstream_no_grpc_status',
    'attempt_timeout',
    'deadline_exceeded',
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

test('whether a failure is among the refused clients goes by who has caused it', () => {
  // Its clients are refused, although the proxy is short of memory.
  const refused = ['memory_pressure'];
  const wrong = TOKENS.filter((token) => {
    const source = sourceOf(token);
    const isShown = isOfClient(fact('', 1, { token, client: '192.0.2.1:1' }));
    if (source === 'client') return !isShown;
    return (source === 'endpoint' || source === 'proxy') && isShown && !refused.includes(token);
  });
  assert.deepEqual(wrong, []);
  assert.equal(sourceOf('deadline_exceeded'), 'endpoint');
});

test('what has no code is told apart by its token', () => {
  const groups = groupsOf([fact('', 1, { token: 'a' }), fact('', 2, { token: 'b' })], {
    counts: { '': 7 },
    reasons: { '': [{ sentence: 'x', count: 7, lastAtEpochMs: 1 }] },
  });
  assert.deepEqual(
    groups.map(({ token, count, reasons }) => [token, count, reasons.length]),
    [
      ['b', 1, 0],
      ['a', 1, 0],
    ],
  );
});

test('only what is listed is counted, and it counts since the start', () => {
  const counts = { FG1001: 40, FG2001: 9 };
  const groups = groupsOf([fact('FG1001', 1, { client: '192.0.2.1:1', count: 3 })], { counts });
  assert.deepEqual(
    groups.map(({ code, count }) => [code, count]),
    [['FG1001', 40]],
  );
});

test('a code with several reasons has each with its count, and says how many of earlier ones there were', () => {
  const [first, second] = groupsOf([fact('FG3039', 9), fact('FG1001', 5)], {
    counts: { FG3039: 10, FG1001: 2 },
    reasons: {
      FG3039: [reason('The newest.', 2), reason('Before it.', 5)],
      FG1001: [reason('The only one.', 2)],
    },
  });
  assert.deepEqual(
    [first.reasons.map(({ sentence, count }) => `${sentence} ${count}`), first.forgotten],
    [['The newest. 2', 'Before it. 5'], 3],
  );
  assert.deepEqual([second.reasons.length, second.forgotten], [1, 0]);
});
