// Finds keys of an upstream that are valid alone but do not go together, because of how it balances.
// The checks read the unvalidated document, so they also run when the schema rejects the file.

import type { Finding, Severity } from './problem.ts';
import { mapOf, type RawMap } from './raw-value.ts';

/** @param environment where FRAMEGATE_ZONE may say what `zone` does not */
export function findBalanceProblems(
  document: unknown,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly Finding[] {
  const root = mapOf(document);
  const hasZone = root.has('zone') || environment['FRAMEGATE_ZONE'] !== undefined;
  return [...mapOf(root.get('upstreams'))].flatMap(([name, upstream]) =>
    checkUpstream(name, mapOf(upstream), hasZone),
  );
}

function checkUpstream(name: string, upstream: RawMap, hasZone: boolean): readonly Finding[] {
  const found = (severity: Severity, keys: readonly string[], message: string, hint: string): Finding => ({
    severity,
    path: ['upstreams', name, ...keys],
    at: 'value',
    message,
    hint,
  });
  const findings: Finding[] = [];
  const isRing = upstream.get('balance') === 'ring-hash';
  if (isRing && !upstream.has('hash')) {
    const hint = 'write hash: { header: x-session }, hash: client or hash: path';
    findings.push(found('error', ['balance'], 'ring-hash needs hash, what calls are kept together by', hint));
  }
  if (!isRing && upstream.has('hash'))
    findings.push(
      found('warning', ['hash'], 'has no effect without balance: ring-hash', 'write it, or remove hash'),
    );
  if (isRing) {
    const streams = mapOf(upstream.get('streams'));
    if ((upstream.get('slowStart') ?? 'off') !== 'off')
      findings.push(
        found('error', ['slowStart'], 'would move the keys of ring-hash', 'remove one of the two'),
      );
    if (upstream.has('weights'))
      findings.push(
        found(
          'error',
          ['weights'],
          'would move the keys of ring-hash with each load report',
          'remove it, or choose another balance',
        ),
      );
    if (upstream.get('zone') === 'prefer')
      findings.push(
        found(
          'error',
          ['zone'],
          'would give each zone a ring of its own with ring-hash',
          'remove one of the two',
        ),
      );
    if ((streams.get('rebalance') ?? 'off') !== 'off')
      findings.push(
        found(
          'error',
          ['streams', 'rebalance'],
          'ring-hash sends a stream that is opened again to the endpoint of before',
          'remove one of the two, or write streams.maxAge',
        ),
      );
  }
  if (upstream.get('zone') === 'prefer' && !hasZone)
    findings.push(
      found(
        'warning',
        ['zone'],
        'has no effect: nobody says in which zone this proxy runs',
        'write zone: NAME at the top of the file, or set FRAMEGATE_ZONE',
      ),
    );
  return findings;
}
