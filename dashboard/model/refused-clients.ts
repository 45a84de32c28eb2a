// How many clients were refused, as the summary shows it: the sum of what the section of refused clients lists.

import type { DiagnosisFacts } from '../../src/admin/dashboard-figures.ts';
import { isOfClient } from './diagnosis-groups.ts';

export interface RefusedClients {
  /** How often clients were refused since the start. */
  readonly count: number;
  /** Undefined if none was refused. */
  readonly lastAtEpochMs: number | undefined;
}

export function refusedClients(facts: Pick<DiagnosisFacts, 'recent' | 'counts'> | undefined): RefusedClients {
  const ofClients = facts?.recent.filter((fact) => isOfClient(fact)) ?? [];
  const listed = new Map<string, number>();
  for (const { code, count } of ofClients) listed.set(code, (listed.get(code) ?? 0) + count);
  let sum = 0;
  // Of a code that was given often, only the newest entries are left. Its count has all.
  for (const [code, count] of listed) sum += Math.max(count, (code !== '' && facts?.counts[code]) || 0);
  const lastAtEpochMs = ofClients.reduce((last, fact) => Math.max(last, fact.lastAtEpochMs), 0);
  return { count: sum, lastAtEpochMs: ofClients.length === 0 ? undefined : lastAtEpochMs };
}
