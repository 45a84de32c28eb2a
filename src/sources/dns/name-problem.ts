// Why a name gave no endpoints, and what to do about it. DNS and the servers asked are named, as the person who reads it has to look there.

/** The name does not exist; it has no such record; DNS was silent; DNS failed; it named nothing that can be called. */
export type NameProblem = 'ENOTFOUND' | 'ENODATA' | 'dns_timeout' | 'EAI_AGAIN' | 'unusable';

export interface AskedName {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'SRV';
}

/** What is wrong, without a full stop. @param servers '' for clients, which need not know them */
export function describeNameProblem(
  problem: NameProblem,
  { name: asked, type }: AskedName,
  servers: string,
): string {
  const name = plainName(asked);
  const dns = servers === '' ? 'DNS' : `DNS (${servers})`;
  switch (problem) {
    case 'ENOTFOUND':
      return `${dns} knows no name ${name}`;
    case 'ENODATA':
      return `${dns} knows the name ${name}, but ${recordsOf(type)}`;
    case 'dns_timeout':
      return `${dns} did not answer for the name ${name} in time`;
    case 'EAI_AGAIN':
      return `${dns} failed or refused to answer for the name ${name}`;
    default:
      return `${dns} names nothing for ${name} that can be called: not 0.0.0.0, ::, multicast and link-local addresses, or port 0`;
  }
}

export function remedyFor(problem: NameProblem, { name, type }: AskedName): string {
  switch (problem) {
    case 'ENOTFOUND':
      return `Is it spelled right, and does the search list of /etc/resolv.conf lead to it? Try: dig ${name} ${type}`;
    case 'ENODATA':
      return `Is dns.type right, and is anything ready behind the name? Try: dig ${name} ${type}`;
    case 'dns_timeout':
    case 'EAI_AGAIN':
      return 'Are the servers in /etc/resolv.conf reachable, and do they know this zone? A line in /etc/hosts needs no DNS.';
    default:
      return `Correct its records. Try: dig ${name} ${type}`;
  }
}

/** Without the dot at its end, which looks like one of the sentence. */
export function plainName(name: string): string {
  return name.replace(/\.$/, '');
}

function recordsOf(type: AskedName['type']): string {
  if (type === 'A') return 'no address of it (A, AAAA)';
  return type === 'AAAA' ? 'no address of it (AAAA)' : 'no service of it (SRV)';
}
