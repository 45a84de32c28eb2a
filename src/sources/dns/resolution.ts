// Resolves the name of one upstream into its endpoints, with what was known before. What DNS says is hostile: the endpoints are bounded,
// without duplicates, and in an order that does not depend on that of the answer. Knows no clock.

import type { SrvRecord } from 'node:dns';
import type { Address } from '../../config/address.ts';
import { MOST_ENDPOINTS } from '../../config/endpoint-update.ts';
import type { DnsConfig, EndpointState } from '../../config/upstream-config.ts';
import type { DnsClient } from '../../names/dns-client.ts';
import { type Family, resolveAddresses } from '../../names/resolve-addresses.ts';
import { resolveServices } from '../../names/resolve-services.ts';
import { MOST_PRIORITY, MOST_WEIGHT } from '../endpoint-book.ts';
import type { NameProblem } from './name-problem.ts';
import { type KnownAddress, RememberedAddresses } from './remembered-addresses.ts';

/** The most services of one name, each of which takes questions of its own. */
const MOST_SERVICES = 1024;
/** How many of them are resolved at a time, so that the name server is not flooded. */
const SERVICES_AT_ONCE = 32;

export interface Resolution {
  /** All endpoints from now on, those of earlier answers that still count included. */
  readonly endpoints: readonly EndpointState[];
  /** How many more there were than an upstream may have. */
  readonly leftOut: number;
  /** Whether DNS has named at least some of them just now. */
  readonly isAnswered: boolean;
  /** The shortest time to live, in seconds. Undefined if DNS gave no address. */
  readonly ttl: number | undefined;
  /** Why the answer is missing, or misses something. Undefined when it is complete. */
  readonly problem: NameProblem | undefined;
}

export class NameResolution {
  readonly #client: DnsClient;
  readonly #config: DnsConfig;
  readonly #addresses = new RememberedAddresses();
  #services: readonly SrvRecord[] = [];
  /** By the name of the service's host. */
  #hosts = new Map<string, RememberedAddresses>();

  constructor(config: DnsConfig, client: DnsClient) {
    this.#config = config;
    this.#client = client;
  }

  /** The servers that are asked, for people. */
  get servers(): readonly string[] {
    return this.#client.servers;
  }

  /** Never rejects. Must not be called again before it has resolved. */
  resolve(): Promise<Resolution> {
    return this.#config.type === 'SRV' ? this.#resolveServices() : this.#resolveAddresses();
  }

  async #resolveAddresses(): Promise<Resolution> {
    const { name, port = 0, type } = this.#config;
    const families = type === 'AAAA' ? ([6] as const) : BOTH;
    const taken = this.#addresses.take(await resolveAddresses(this.#client, name, families));
    const endpoints = this.#addresses.addresses.map((known) => ({
      ...stateAt(known, port, 1, 0),
      authority: authorityOf(name, port),
    }));
    const isAnswered = 'ttl' in taken;
    return { ...bounded(endpoints), isAnswered, ttl: undefined, problem: undefined, ...taken };
  }

  async #resolveServices(): Promise<Resolution> {
    const answer = await resolveServices(this.#client, this.#config.name);
    let problem: NameProblem | undefined;
    if (answer.outcome !== 'found') problem = answer.code;
    else {
      // A service named '.' is decidedly not available (RFC 2782).
      const usable = answer.records.filter(({ name, port }) => name !== '' && name !== '.' && port > 0);
      if (usable.length === 0) problem = 'unusable';
      else this.#services = usable.toSorted(byImportance).slice(0, MOST_SERVICES);
    }
    // The hosts are asked for even if the list of services is old: their addresses may have changed all the same.
    const { ttl, problem: problemOfHosts } = await this.#resolveHosts();
    const isAnswered = problem === undefined && ttl !== undefined;
    return { ...bounded(this.#serviceEndpoints()), isAnswered, ttl, problem: problem ?? problemOfHosts };
  }

  async #resolveHosts(): Promise<{ ttl: number | undefined; problem: NameProblem | undefined }> {
    const names = [...new Set(this.#services.map(({ name }) => name.toLowerCase()))];
    this.#hosts = new Map(names.map((name) => [name, this.#hosts.get(name) ?? new RememberedAddresses()]));
    let ttl = Number.POSITIVE_INFINITY;
    let problem: NameProblem | undefined;
    const rest = names.values();
    const work = async (): Promise<void> => {
      for (const name of rest) {
        // The host of a service is a whole name, to which no search list applies.
        const answers = await resolveAddresses(this.#client, `${name.replace(/\.$/, '')}.`, BOTH);
        const taken = this.#hosts.get(name)?.take(answers);
        if (taken === undefined) continue;
        if ('ttl' in taken) ttl = Math.min(ttl, taken.ttl);
        else problem = taken.problem;
      }
    };
    await Promise.all(Array.from({ length: SERVICES_AT_ONCE }, work));
    return { ttl: ttl === Number.POSITIVE_INFINITY ? undefined : ttl, problem };
  }

  #serviceEndpoints(): readonly EndpointState[] {
    const scale = scaleOf(this.#services);
    return this.#services.flatMap((service) => {
      const { weight, priority } = scale(service);
      const addresses = this.#hosts.get(service.name.toLowerCase())?.addresses ?? [];
      const authority = authorityOf(service.name, service.port);
      return addresses.map((known) => ({ ...stateAt(known, service.port, weight, priority), authority }));
    });
  }
}

const BOTH: readonly Family[] = [4, 6];

function stateAt(
  { address: host, family }: KnownAddress,
  port: number,
  weight: number,
  priority: number,
): EndpointState {
  const text = family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
  const address: Address = { kind: 'tcp', host, port, text };
  return { address, weight, priority };
}

/** The name of a service is what DNS says, which may be anything. @returns undefined if no request can name it */
function authorityOf(name: string, port: number): string | undefined {
  const host = name.replace(/\.$/, '').toLowerCase();
  return /^[a-z0-9_.-]{1,253}$/.test(host) ? `${host}:${port}` : undefined;
}

/** Weights and priorities are any numbers of 16 bits in DNS; those of endpoints have ranges of their own. */
function scaleOf(services: readonly SrvRecord[]) {
  const levels = [...new Set(services.map(({ priority }) => priority))].toSorted((a, b) => a - b);
  const rank = new Map(levels.map((level, index) => [level, Math.min(index, MOST_PRIORITY)]));
  const heaviest = Math.max(...services.map(({ weight }) => weight));
  const factor = heaviest > MOST_WEIGHT ? MOST_WEIGHT / heaviest : 1;
  return ({ weight, priority }: SrvRecord) => ({
    // Weight 0 means next to nothing beside others, and nothing in particular among its equals.
    weight: Math.max(1, Math.round(weight * factor)),
    priority: rank.get(priority) ?? 0,
  });
}

/** Without duplicates, in a fixed order, and as many as an upstream may have. */
function bounded(endpoints: readonly EndpointState[]): Pick<Resolution, 'endpoints' | 'leftOut'> {
  const unique = new Map<string, EndpointState>();
  for (const endpoint of endpoints)
    if (!unique.has(endpoint.address.text)) unique.set(endpoint.address.text, endpoint);
  const sorted = [...unique.values()].toSorted(byPlace);
  return { endpoints: sorted.slice(0, MOST_ENDPOINTS), leftOut: Math.max(0, sorted.length - MOST_ENDPOINTS) };
}

function byPlace(one: EndpointState, other: EndpointState): number {
  if (one.priority !== other.priority) return one.priority - other.priority;
  return one.address.text < other.address.text ? -1 : 1;
}

function byImportance(one: SrvRecord, other: SrvRecord): number {
  if (one.priority !== other.priority) return one.priority - other.priority;
  if (one.weight !== other.weight) return other.weight - one.weight;
  return `${one.name}:${one.port}` < `${other.name}:${other.port}` ? -1 : 1;
}
