// Looks up the addresses of an endpoint's name. Not by getaddrinfo, which holds one of the few threads of the pool until a DNS
// server answers, so that one silent name delays every other name, and file access too. Here each name is looked up by itself and
// without a thread. /etc/hosts and the search list of /etc/resolv.conf apply as usual. Nothing is cached.

import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as lookupBySystem, Resolver } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/** The time for one question to one server. The second try has twice as long. */
const ANSWER_WITHIN_MS = 2000;
const TRIES = 2;
/** Once there are addresses of one family, how long to wait for the other. */
const OTHER_FAMILY_WITHIN_MS = 50;
const LOOPBACK: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

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
  /** The callers that wait for a name. Each name is looked up only once at a time. */
  readonly #waiting = new Map<string, Found[]>();
  #resolver = new Resolver({ timeout: ANSWER_WITHIN_MS, tries: TRIES });
  #configuration = readText('/etc/resolv.conf');
  #servers: readonly string[] | undefined = undefined;
  /** The system is asked for one name at a time, so that it holds at most one thread. */
  #isSystemAsked = false;

  /** Uses other DNS servers than the system's, given as `ADDRESS:PORT`. Undefined restores the system's. */
  useServers(servers: readonly string[] | undefined): void {
    this.#servers = servers;
    this.#renew();
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
    const known = addressesInHosts(readText('/etc/hosts'), name);
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
    this.#followConfiguration();
    this.#askAll(namesToAsk(name, this.#configuration), name, (error, addresses) => {
      const asked = this.#waiting.get(name) ?? [];
      this.#waiting.delete(name);
      for (const one of asked) one(error, addresses);
    });
  }

  #followConfiguration(): void {
    const text = readText('/etc/resolv.conf');
    if (text === this.#configuration) return;
    this.#configuration = text;
    this.#renew();
  }

  /** Pending questions stay with the servers that were asked. */
  #renew(): void {
    this.#resolver = new Resolver({ timeout: ANSWER_WITHIN_MS, tries: TRIES });
    if (this.#servers !== undefined) this.#resolver.setServers(this.#servers);
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
    const answered = (family: 4 | 6) => (error: NodeJS.ErrnoException | null, texts: readonly string[]) => {
      if (open < 0) return;
      open--;
      if (error === null) addresses.push(...texts.map((address) => ({ address, family })));
      else if (codeOf(error) !== 'ENOTFOUND') failure = new LookupError(codeOf(error), name, error);
      if (open === 0) finish();
      else if (addresses.length > 0) timer = setTimeout(finish, OTHER_FAMILY_WITHIN_MS);
    };
    this.#resolver.resolve4(name, answered(4));
    this.#resolver.resolve6(name, answered(6));
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
export const names = new NameLookup();

/**
 * The addresses of a name in /etc/hosts. `localhost` and names that end in it mean this machine (RFC 6761 section 6.3), with or
 * without a line.
 * @param text the contents of /etc/hosts
 */
export function addressesInHosts(text: string, name: string): readonly LookupAddress[] {
  const wanted = plainName(name);
  const found = text.split('\n').flatMap((line): readonly LookupAddress[] => {
    const [address = '', ...aliases] = line.split('#', 1)[0].trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0 || !aliases.some((alias) => plainName(alias) === wanted)) return [];
    return [{ address, family }];
  });
  if (found.length > 0) return found;
  return wanted === 'localhost' || wanted.endsWith('.localhost') ? LOOPBACK : [];
}

/**
 * The names to ask DNS for, in the order of resolv.conf(5): `search`, `domain`, `options ndots`.
 * @param configuration the contents of /etc/resolv.conf
 */
export function namesToAsk(name: string, configuration: string): readonly string[] {
  if (name.endsWith('.')) return [name];
  let domains: readonly string[] = [];
  let ndots = 1;
  for (const line of configuration.split('\n')) {
    const [keyword, ...values] = line.split(/[#;]/, 1)[0].trim().split(/\s+/);
    if (keyword === 'search' || keyword === 'domain') domains = values;
    const option = keyword === 'options' ? values.find((value) => value.startsWith('ndots:')) : undefined;
    if (option !== undefined) ndots = Math.min(15, Number.parseInt(option.slice(6), 10) || 0);
  }
  const searched = domains.filter((domain) => domain !== '.').map((domain) => `${name}.${domain}`);
  return name.split('.').length - 1 >= ndots ? [name, ...searched] : [...searched, name];
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function codeOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOTFOUND' || code === 'ENODATA') return 'ENOTFOUND';
  return code === 'ETIMEOUT' || code === 'ECANCELLED' ? 'dns_timeout' : 'EAI_AGAIN';
}

/** Reads a small system file. This happens when a connection is made, not for each call, and uses no thread of the pool. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
