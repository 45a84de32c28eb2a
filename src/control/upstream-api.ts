// What is known of the upstreams and where their endpoints come from, for the admin API.

import type { AdminReply } from '../admin/admin-reply.ts';
import type { Config } from '../config/config.ts';
import { parseEndpointList } from '../config/endpoint-list.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import type { Discovery } from '../sources/discovery.ts';
import { describeEndpoint, type EndpointStates, type KnownStates } from './endpoint-states.ts';

export interface UpstreamApiParts {
  readonly discovery: Discovery;
  /** Returns the configuration in force. */
  readonly config: () => Config;
  /** Returns what sources have named. */
  readonly known: () => KnownEndpoints;
  readonly states: EndpointStates;
}

/** How the endpoints of an upstream with `endpoints: api` are read and written. */
export class UpstreamApi {
  readonly #discovery: Discovery;
  readonly #config: () => Config;
  readonly #known: () => KnownEndpoints;
  readonly #states: EndpointStates;

  constructor({ discovery, config, known, states }: UpstreamApiParts) {
    this.#discovery = discovery;
    this.#config = config;
    this.#known = known;
    this.#states = states;
  }

  async list(): Promise<AdminReply> {
    const known = await this.#states.ask();
    const upstreams = this.#config().upstreams.map((upstream) => this.#describe(upstream, known));
    return { status: 200, body: { upstreams, ...known.omission } };
  }

  async read(name: string): Promise<AdminReply> {
    const known = await this.#states.ask();
    const upstream = this.#find(name);
    if (upstream === undefined) return this.#unknown(name);
    return { status: 200, body: { ...this.#describe(upstream, known), ...known.omission } };
  }

  /** What is set takes effect a moment later, so nothing is said of the state of the endpoints. */
  #readSet(name: string): AdminReply {
    const upstream = this.#find(name);
    return upstream === undefined ? this.#unknown(name) : { status: 200, body: this.#describe(upstream) };
  }

  /** @param text the body of the request */
  write(name: string, text: string): AdminReply {
    const refusal = this.#refusalFor(name);
    if (refusal !== undefined) return refusal;
    const list = parseEndpointList(text);
    if ('problems' in list) {
      const { problems } = list;
      const error = problems
        .map(({ field, message, remedy }) => `${field === '' ? 'the body' : field} ${message} (${remedy})`)
        .join('; ');
      return { status: 400, body: { error, problems } };
    }
    this.#discovery.api.set(name, list.endpoints, list.ttlMs);
    return this.#readSet(name);
  }

  withdraw(name: string): AdminReply {
    const refusal = this.#refusalFor(name);
    if (refusal !== undefined) return refusal;
    this.#discovery.api.withdraw(name);
    return this.#readSet(name);
  }

  /** Why the endpoints of an upstream cannot be set. Undefined if they can. */
  #refusalFor(name: string): AdminReply | undefined {
    const upstream = this.#find(name);
    if (upstream === undefined) return this.#unknown(name);
    if (this.#discovery.api.takes(name)) return undefined;
    const from = upstream.discovery?.kind === 'dns' ? 'its name in DNS' : 'the configuration';
    const error = `the endpoints of upstream ${name} come from ${from}; write endpoints: api in the configuration (upstreams.${name}) and reload, to set them here`;
    return { status: 409, body: { error } };
  }

  #find(name: string): UpstreamConfig | undefined {
    return this.#config().upstreams.find((upstream) => upstream.name === name);
  }

  #unknown(name: string): AdminReply {
    const names = this.#config().upstreams.map((upstream) => upstream.name);
    const error = `there is no upstream '${name}'; there are: ${names.join(', ')}`;
    return { status: 404, body: { error } };
  }

  #describe(
    { name, endpoints, discovery }: UpstreamConfig,
    known?: KnownStates,
  ): Readonly<Record<string, unknown>> {
    const update = this.#known().get(name);
    const named = update?.endpoints ?? endpoints;
    return {
      name,
      from: discovery?.kind ?? (update === undefined ? 'configuration' : 'source'),
      ...(known?.ofUpstream(name, named) ?? { endpoints: named.map(describeEndpoint) }),
      ...(update?.whyNone === undefined ? {} : { whyNone: update.whyNone.sentence }),
      ...(discovery?.kind === 'dns' ? { dns: this.#describeName(name) } : {}),
      ...(discovery?.kind === 'api' ? this.#describeSet(name) : {}),
    };
  }

  #describeName(upstream: string): unknown {
    const report = this.#discovery.dns.reports.get(upstream);
    if (report === undefined) return undefined;
    const { config, servers, ageMs, nextInMs, counts, problem } = report;
    return {
      name: config.name,
      type: config.type,
      servers,
      ...(ageMs === undefined ? {} : { ageSeconds: seconds(ageMs) }),
      nextInSeconds: seconds(nextInMs),
      ...counts,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  #describeSet(upstream: string): Readonly<Record<string, unknown>> {
    const report = this.#discovery.api.report(upstream);
    if (report === undefined) return {};
    const { ageMs, expiresInMs } = report;
    return {
      ageSeconds: seconds(ageMs),
      expiresInSeconds: expiresInMs === undefined ? 'off' : seconds(expiresInMs),
    };
  }
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
