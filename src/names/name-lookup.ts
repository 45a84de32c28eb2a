// Looks up the addresses of an endpoint's name. Not by getaddrinfo, which holds one of the few threads of the pool until a DNS
// server answers, so that one silent name delays every other name, and file access too. Here each name is looked up by itself and
// without a thread. /etc/hosts and the search list of /etc/resolv.conf apply as usual. Nothing is cached.

import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as lookupBySystem } from 'node:dns';
import { type AddressAnswer, DnsClient, dnsClient } from './dns-client.ts';
import { hostsFileAddresses } from './hosts-file.ts';

/** Once there are addresses of one family, how long to wait for the other. */
const OTHER_FAMILY_WITHIN_MS = 50;

export class LookupError extends Error {
  /** A code that diagnoseConnectFailure takes: 'ENOTFOUND', 'EAI_AGAIN' or 'dns_timeout'. */
  readonly code: string;

  constructor(code: string, name: string, cause: unknown) {
    super(`the name ${name} could not be looked up (${code})`, { cause });
    this.code = code;
  }
}

type Found = (error: LookupError | null, addresses: readonly LookupAddress[]) => void;
type Done = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

export class NameLookup {
  readonly #client: DnsClient;
  /** The callers that wait for a name. Each name is looked up only once at a time. */
  readonly #waiting = new Map<string, Found[]>();
  /** The system is asked for one name at a time, so that it holds at most one thread. */
  #isSystemAsked = false;

  constructor(client = new DnsClient()) {
    this.#client = client;
  }

  /** Uses other DNS servers than the system's, given as `ADDRESS:PORT`. Undefined restores the system's. */
  useServers(servers: readonly string[] | undefined): void {
    this.#client.useServers(servers);
  }

  /** The `lookup` option for connect() of node:net and node:tls. */
  readonly lookup = (name: string, options: LookupOptions, done: Done): void => {
    this.#find(name, (error, addresses) => {
      const { family } = options;
      const fitting =
        family === 4 || family === 6 ? addresses.filter((one) => one.family === family) : addresses;
      if (error !== null) done(error, []);
      else if (fitting.length === 0) done(new LookupError('ENOTFOUND', name, undefined), []);
      else if (options.all === true) done(null, [...fitting]);
      else done(null, fitting[0].address, fitting[0].family);
    });
  };

  #find(name: string, found: Found): void {
    const known = hostsFileAddresses(name);
    if (known.length > 0) {
      process.nextTick(found, null, known);
      return;
    }
    const others = this.#waiting.get(name);
    if (others !== undefined) {
      others.push(found);
      return;
    }
    this.#waiting.set(name, [found]);
    this.#askAll(this.#client.candidates(name), name, (error, addresses) => {
      const asked = this.#waiting.get(name) ?? [];
      this.#waiting.delete(name);
      for (const one of asked) one(error, addresses);
    });
  }

  /** Asks for one candidate after the other, as long as they do not exist. */
  #askAll([candidate, ...rest]: readonly string[], name: string, found: Found): void {
    this.#ask(candidate, (error, addresses) => {
      if (error?.code !== 'ENOTFOUND') found(error, addresses);
      else if (rest.length > 0) this.#askAll(rest, name, found);
      else this.#askSystem(name, error, found);
    });
  }

  /** Asks for both address families at once. */
  #ask(name: string, found: Found): void {
    const addresses: LookupAddress[] = [];
    let open = 2;
    let failure: LookupError | undefined;
    let timer: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      if (open < 0) return;
      open = -1;
      const sorted = addresses.toSorted((one, other) => one.family - other.family);
      if (sorted.length > 0) found(null, sorted);
      else found(failure ?? new LookupError('ENOTFOUND', name, undefined), []);
    };
    const answered = (family: 4 | 6) => (answer: AddressAnswer) => {
      if (open < 0) return;
      open--;
      if (answer.outcome === 'found')
        addresses.push(...answer.records.map(({ address }) => ({ address, family })));
      else if (answer.outcome === 'failed') failure = new LookupError(answer.code, name, answer.cause);
      if (open === 0) finish();
      else if (addresses.length > 0) timer = setTimeout(finish, OTHER_FAMILY_WITHIN_MS);
    };
    this.#client.askAddresses(name, 4, answered(4));
    this.#client.askAddresses(name, 6, answered(6));
  }

  /**
   * Asks the system, for names that only it knows (mDNS, the host's own name). A silent name holds one thread, and delays no
   * other name.
   */
  #askSystem(name: string, unknown: LookupError, found: Found): void {
    if (this.#isSystemAsked) {
      found(unknown, []);
      return;
    }
    this.#isSystemAsked = true;
    lookupBySystem(name, { all: true }, (error, addresses) => {
      this.#isSystemAsked = false;
      found(error === null ? null : unknown, error === null ? addresses : []);
    });
  }
}

/** The instance of the process, which all connections to endpoints use. */
export const names = new NameLookup(dnsClient);
