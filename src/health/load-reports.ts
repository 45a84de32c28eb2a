// The load reports of the endpoints of a proxy. They come in the control process: one stream for each endpoint and machine, however many
// processes carry calls. What they make of weights is published as updates, which those processes get.

import type { Config } from '../config/config.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import type { EndpointState, OrcaConfig } from '../config/upstream-config.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import { EndpointAccess } from './endpoint-access.ts';
import { LoadStream, type LoadStreamEvents } from './load-stream.ts';
import { REPORT_RESULTS, type ReportResult } from './load-weight.ts';

/** A weight that differs less than this from what was published is no news. */
const NEWS = 0.01;

export interface LoadEvents {
  readonly publish: (update: WeightUpdate) => void;
  /** The endpoint will not report its load before long. */
  readonly onRefused: (upstream: string, stream: LoadStream) => void;
  /** The endpoint reports its load. */
  readonly onReporting: (upstream: string, stream: LoadStream) => void;
  readonly onFault: (error: unknown) => void;
}

interface Weighed {
  readonly name: string;
  /** All that the streams depend on. With an equal origin they stay as they are. */
  readonly origin: string;
  readonly config: OrcaConfig;
  readonly connectTimeoutMs: number;
  readonly access: EndpointAccess;
  /** By the address as configured. */
  readonly streams: Map<string, LoadStream>;
  readonly timer: NodeJS.Timeout;
}

export class LoadReports {
  readonly #events: LoadEvents;
  readonly #weighed = new Map<string, Weighed>();
  readonly #results = new Map<string, Record<ReportResult, number>>();
  /** The weights that were published last, by upstream and address. */
  readonly #published = new Map<string, ReadonlyMap<string, number>>();

  constructor(events: LoadEvents) {
    this.#events = events;
  }

  /** Follows a configuration. Endpoints that stay keep what is known of them. */
  use({ upstreams, limits }: Config, known: KnownEndpoints): void {
    const before = new Map(this.#weighed);
    this.#weighed.clear();
    for (const { name, tls, weights, connections, endpoints } of upstreams) {
      if (weights === undefined) continue;
      const { connectTimeoutMs } = connections;
      const origin = JSON.stringify([tls, weights, connectTimeoutMs, limits.floods]);
      const old = before.get(name);
      const isSame = old?.origin === origin;
      const weighed = isSame
        ? old
        : {
            name,
            origin,
            config: weights,
            connectTimeoutMs,
            access: new EndpointAccess({ name, tls }, limits.floods),
            streams: new Map<string, never>(),
            timer: this.#every(weights.updateMs, name),
          };
      if (isSame) before.delete(name);
      this.#weighed.set(name, weighed);
      this.#resultsOf(name);
      this.#follow(weighed, known.get(name)?.endpoints ?? endpoints, old?.streams);
    }
    for (const old of before.values()) {
      closeStreams(old);
      if (!this.#weighed.has(old.name)) this.#publish(old.name, new Map());
    }
  }

  #every(intervalMs: number, name: string): NodeJS.Timeout {
    const contained = (): void => {
      try {
        this.#look(name);
      } catch (error) {
        this.#events.onFault(error);
      }
    };
    return setInterval(contained, intervalMs).unref();
  }

  /** The endpoints of an upstream have changed. */
  endpointsChanged(name: string, endpoints: readonly EndpointState[]): void {
    const weighed = this.#weighed.get(name);
    if (weighed !== undefined) this.#follow(weighed, endpoints, weighed.streams);
  }

  #follow(
    { name, config, connectTimeoutMs, access, streams }: Weighed,
    endpoints: readonly EndpointState[],
    before: Weighed['streams'] = new Map(),
  ): void {
    const named = new Set(endpoints.map(({ address }) => address.text));
    for (const [endpoint, stream] of streams) {
      if (named.has(endpoint)) continue;
      stream.close();
      streams.delete(endpoint);
    }
    const events = this.#eventsOf(name);
    for (const { address } of endpoints) {
      const { text } = address;
      if (streams.has(text)) continue;
      const target = access.targetOf(address);
      streams.set(
        text,
        new LoadStream({ target, config, connectTimeoutMs, before: before.get(text), events }),
      );
    }
  }

  #eventsOf(name: string): LoadStreamEvents {
    return {
      onReport: (_stream, result) => {
        this.#resultsOf(name)[result]++;
      },
      onRefused: (stream) => this.#events.onRefused(name, stream),
      onReporting: (stream) => this.#events.onReporting(name, stream),
      onFault: (error) => this.#events.onFault(error),
    };
  }

  #resultsOf(name: string): Record<ReportResult, number> {
    let results = this.#results.get(name);
    if (results === undefined) {
      results = { used: 0, idle: 0, refused: 0 };
      this.#results.set(name, results);
    }
    return results;
  }

  /** How many reports there were of each result, by upstream. */
  get results(): readonly {
    readonly upstream: string;
    readonly result: ReportResult;
    readonly count: number;
  }[] {
    return [...this.#results].flatMap(([upstream, results]) =>
      REPORT_RESULTS.map((result) => ({ upstream, result, count: results[result] })),
    );
  }

  /** The streams of an upstream by the address of the endpoint. Undefined if its weights do not come from load reports. */
  streamsOf(name: string): ReadonlyMap<string, LoadStream> | undefined {
    return this.#weighed.get(name)?.streams;
  }

  /** The TLS files of an upstream have changed. */
  renewTls(name: string): void {
    this.#weighed.get(name)?.access.renewTls();
  }

  /** Publishes the weights that count now, if they are news. Called in each update period, since a weight may also expire. */
  #look(name: string): void {
    const nowMs = performance.now();
    const weights = new Map<string, number>();
    for (const [endpoint, stream] of this.#weighed.get(name)?.streams ?? []) {
      const { weight } = stream.state(nowMs);
      if (weight !== undefined) weights.set(endpoint, weight);
    }
    if (isNews(this.#published.get(name), weights)) this.#publish(name, weights);
  }

  #publish(name: string, weights: ReadonlyMap<string, number>): void {
    if (weights.size === 0) this.#published.delete(name);
    else this.#published.set(name, weights);
    const endpoints = Array.from(weights, ([address, weight]) => ({ address, weight }));
    this.#events.publish({ upstream: name, endpoints });
  }

  /** May be called twice. */
  close(): void {
    for (const weighed of this.#weighed.values()) closeStreams(weighed);
    this.#weighed.clear();
  }
}

function closeStreams({ streams, timer }: Weighed): void {
  clearInterval(timer);
  for (const stream of streams.values()) stream.close();
}

function isNews(before: ReadonlyMap<string, number> = new Map(), now: ReadonlyMap<string, number>): boolean {
  if (before.size !== now.size) return true;
  for (const [endpoint, weight] of now) {
    const known = before.get(endpoint);
    if (known === undefined || Math.abs(weight - known) > NEWS * known) return true;
  }
  return false;
}
