// Asks DNS servers without a thread of the pool, each question by itself, so that a silent name delays no other. The servers and the
// search list are those of /etc/resolv.conf as it is now. Nothing is cached.

import { type RecordWithTtl, Resolver, type SrvRecord } from 'node:dns';
import { readText } from './system-file.ts';

/**
 * How long one server has for its answer. Each further try has twice as long, up to the longest. c-ares shortens the first to a
 * quarter of a second for servers that have been fast, so that there must be enough tries for one that is slow for once.
 */
const TIME_LIMITS = { timeout: 1000, maxTimeout: 2000, tries: 4 };
const RESOLV_CONF = '/etc/resolv.conf';

/** What DNS said to one question. */
export type DnsAnswer<Record> =
  | { readonly outcome: 'found'; readonly records: readonly Record[] }
  /** There is no such name, or it has no record of this type. */
  | { readonly outcome: 'none'; readonly code: 'ENOTFOUND' | 'ENODATA'; readonly cause: unknown }
  | { readonly outcome: 'failed'; readonly code: 'dns_timeout' | 'EAI_AGAIN'; readonly cause: unknown };

export type AddressAnswer = DnsAnswer<RecordWithTtl>;

/** Called once. */
type Answered<Record> = (answer: DnsAnswer<Record>) => void;

export class DnsClient {
  #resolver = new Resolver(TIME_LIMITS);
  #configuration = readText(RESOLV_CONF);
  #servers: readonly string[] | undefined = undefined;

  /** Uses other DNS servers than the system's, given as `ADDRESS:PORT`. Undefined restores the system's. */
  useServers(servers: readonly string[] | undefined): void {
    this.#servers = servers;
    this.#renew();
  }

  /** The addresses of the servers that are asked. */
  get servers(): readonly string[] {
    return this.#resolver.getServers();
  }

  /** The names to ask for when this one is meant, in their order. Must be called before questions about them. */
  candidates(name: string): readonly string[] {
    const text = readText(RESOLV_CONF);
    if (text !== this.#configuration) {
      this.#configuration = text;
      this.#renew();
    }
    return namesToAsk(name, text);
  }

  /** Pending questions stay with the servers that were asked. */
  #renew(): void {
    this.#resolver = new Resolver(TIME_LIMITS);
    if (this.#servers !== undefined) this.#resolver.setServers(this.#servers);
  }

  /** Asks for the addresses of one family. A name is asked for as it is, without the search list. */
  askAddresses(name: string, family: 4 | 6, answered: Answered<RecordWithTtl>): void {
    const done = answerer(answered);
    const ask = (): void => {
      if (family === 4) this.#resolver.resolve4(name, { ttl: true }, done);
      else this.#resolver.resolve6(name, { ttl: true }, done);
    };
    askSafely(ask, done);
  }

  askServices(name: string, answered: Answered<SrvRecord>): void {
    const done = answerer(answered);
    askSafely(() => this.#resolver.resolveSrv(name, done), done);
  }
}

/** The instance of the process. */
export const dnsClient = new DnsClient();

/** Node throws where c-ares does not even take the question. Names also come from DNS, so that must be an answer. */
function askSafely(
  ask: () => void,
  done: (error: NodeJS.ErrnoException, records: readonly never[]) => void,
): void {
  try {
    ask();
  } catch (error) {
    process.nextTick(done, error, []);
  }
}

function answerer<Record>(answered: Answered<Record>) {
  return (error: NodeJS.ErrnoException | null, records: readonly Record[]): void => {
    if (error !== null) answered(failureOf(error));
    else if (records.length === 0) answered({ outcome: 'none', code: 'ENODATA', cause: undefined });
    else answered({ outcome: 'found', records });
  };
}

function failureOf(cause: NodeJS.ErrnoException): DnsAnswer<never> {
  const { code } = cause;
  if (code === 'ENOTFOUND' || code === 'ENODATA') return { outcome: 'none', code, cause };
  const isSilence = code === 'ETIMEOUT' || code === 'ECANCELLED';
  return { outcome: 'failed', code: isSilence ? 'dns_timeout' : 'EAI_AGAIN', cause };
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
