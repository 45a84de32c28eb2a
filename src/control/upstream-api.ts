// What is known of the upstreams and where their endpoints come from, for the admin API.

import type { AdminReply } from '../admin/admin-reply.ts';
import type { Config, EndpointState, UpstreamConfig } from '../config/config.ts';
import { parseEndpointList } from '../config/endpoint-list.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import type { Discovery } from '../sources/discovery.ts';

/** How the endpoints of an upstream with `endpoints: api` are read and written. */
export class UpstreamApi {
  readonly #discovery: Discovery;
  readonly #config: () => Config;
  readonly #known: () => KnownEndpoints;

  /** @param config returns the configuration in force @param known returns what sources have named */
  constructor(discovery: Discovery, config: () => Config, known: () => KnownEndpoints) {
    this.#discovery = discovery;
    this.#config = config;
    this.#known = known;
  }

  list(): AdminReply {
    const upstreams = this.#config().upstreams.map((upstream) => this.#describe(upstream));
    return { status: 200, body: { upstreams } };
  }

  read(name: string): AdminReply {
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
    return this.read(name);
  }

  withdraw(name: string): AdminReply {
    const refusal = this.#refusalFor(name);
    if (refusal !== undefined) return refusal;
    this.#discovery.api.withdraw(name);
    return this.read(name);
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

  #describe({ name, endpoints, discovery }: UpstreamConfig): Readonly<Record<string, unknown>> {
    const update = this.#known().get(name);
    return {
      name,
      from: discovery?.kind ?? (update === undefined ? 'configuration' : 'source'),
      endpoints: (update?.endpoints ?? endpoints).map(describeEndpoint),
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

function describeEndpoint({ address, weight, priority, zone }: EndpointState): unknown {
  return { address: address.text, weight, priority, ...(zone === undefined ? {} : { zone }) };
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
