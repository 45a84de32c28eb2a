// Resolves a name to the SRV records of DNS (RFC 2782), for sources of endpoints, along the search list.

import type { SrvRecord } from 'node:dns';
import type { DnsAnswer, DnsClient } from './dns-client.ts';

export type ServiceAnswer = DnsAnswer<SrvRecord>;

/** Never rejects. */
export async function resolveServices(client: DnsClient, name: string): Promise<ServiceAnswer> {
  let answer: ServiceAnswer = { outcome: 'none', code: 'ENOTFOUND', cause: undefined };
  for (const candidate of client.candidates(name)) {
    const { promise, resolve } = Promise.withResolvers<ServiceAnswer>();
    client.askServices(candidate, resolve);
    const next = await promise;
    if (next.outcome !== 'none') return next;
    // Of several candidates, one that exists says more than the last one, which may not.
    if (answer.outcome !== 'none' || answer.code === 'ENOTFOUND') answer = next;
  }
  return answer;
}
