// Resolves a name to its addresses with their times to live, for sources of endpoints. By /etc/hosts first, then by DNS along the search
// list, never by getaddrinfo. An answer is one for each family, so that the failure of one does not lose the other.

import type { AddressAnswer, DnsClient } from './dns-client.ts';
import { hostsFileAddresses } from './hosts-file.ts';

export type Family = 4 | 6;

/** Once there are addresses of one family, how long to wait for the other. */
const OTHER_FAMILY_WITHIN_MS = 500;
/** How long what /etc/hosts says holds, in seconds. */
const HOSTS_TTL = 5;

/** The answer for each family that was asked for. */
export type FamilyAnswers = ReadonlyMap<Family, AddressAnswer>;

const SILENT: AddressAnswer = { outcome: 'failed', code: 'dns_timeout', cause: undefined };
const MISSING: AddressAnswer = { outcome: 'none', code: 'ENODATA', cause: undefined };

/** Never rejects. @param families those wanted; they are asked for at once */
export async function resolveAddresses(
  client: DnsClient,
  name: string,
  families: readonly Family[],
): Promise<FamilyAnswers> {
  const known = addressesByFamily(name, families);
  if (known !== undefined) return known;
  let answers: FamilyAnswers = new Map();
  let exists = false;
  for (const candidate of client.candidates(name)) {
    answers = await askFamilies(client, candidate, families);
    const all = [...answers.values()];
    if (all.some(({ outcome }) => outcome !== 'none')) return answers;
    exists ||= all.some((answer) => answer.outcome === 'none' && answer.code === 'ENODATA');
  }
  // Of several candidates, one that exists says more than the last one, which may not.
  return exists ? new Map(families.map((family) => [family, MISSING])) : answers;
}

/** What /etc/hosts says. Undefined if it does not name the name. */
function addressesByFamily(name: string, families: readonly Family[]): FamilyAnswers | undefined {
  const known = hostsFileAddresses(name);
  if (known.length === 0) return undefined;
  return new Map(
    families.map((family): [Family, AddressAnswer] => {
      const records = known
        .filter((one) => one.family === family)
        .map(({ address }) => ({ address, ttl: HOSTS_TTL }));
      return [family, records.length === 0 ? MISSING : { outcome: 'found', records }];
    }),
  );
}

function askFamilies(client: DnsClient, name: string, families: readonly Family[]): Promise<FamilyAnswers> {
  const { promise, resolve } = Promise.withResolvers<FamilyAnswers>();
  const answers = new Map<Family, AddressAnswer>();
  let timer: NodeJS.Timeout | undefined;
  const finish = (): void => {
    clearTimeout(timer);
    resolve(new Map(families.map((family) => [family, answers.get(family) ?? SILENT])));
  };
  for (const family of families) {
    client.askAddresses(name, family, (answer) => {
      answers.set(family, answer);
      if (answers.size === families.length) finish();
      else if (answer.outcome === 'found') timer ??= setTimeout(finish, OTHER_FAMILY_WITHIN_MS);
    });
  }
  return promise;
}
