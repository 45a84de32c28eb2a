// Ends long streams of an upstream so that they are distributed over its endpoints again: at an age (`streams.maxAge`), and when an endpoint
// joins or comes back (`streams.rebalance`). It exists only for upstreams that have one of the two.

import { streamRebalanced, streamTooOld } from '../calls/failure.ts';
import type { StreamsConfig } from '../config/upstream-config.ts';
import { Agenda } from './agenda.ts';
import type { Endpoint } from './endpoint.ts';
import type { PlaceUser } from './place-user.ts';
import { type RebalancePlan, Rebalancing } from './rebalancing.ts';
import { StreamAges } from './stream-ages.ts';

export interface SpreadingParts<Candidate extends Endpoint> {
  readonly upstream: string;
  readonly streams: StreamsConfig;
  readonly endpoints: () => readonly Candidate[];
  /** The endpoints, and those that have left and still have calls. */
  readonly allEndpoints: () => readonly Candidate[];
  shareOf(endpoint: Candidate): number;
  onRebalance(plan: RebalancePlan): void;
  onFault(error: unknown): void;
}

export class Spreading<Candidate extends Endpoint> {
  readonly #agenda: Agenda;
  readonly #ages: StreamAges | undefined = undefined;
  readonly #rebalancing: Rebalancing<Candidate> | undefined = undefined;

  constructor(parts: SpreadingParts<Candidate>, nowMs: number, random: () => number = Math.random) {
    const { upstream, streams, endpoints, allEndpoints } = parts;
    const { maxAgeMs, rebalanceMs } = streams;
    const agenda = new Agenda((error) => parts.onFault(error));
    this.#agenda = agenda;
    if (maxAgeMs !== undefined) {
      const calls = () => allEndpoints().flatMap((endpoint) => [...endpoint.calls]);
      const tooOld = streamTooOld(upstream, maxAgeMs);
      const end = (call: PlaceUser) => call.giveWay(tooOld);
      this.#ages = new StreamAges({ maxAgeMs, agenda, calls, end, random });
      this.#ages.begin(nowMs);
    }
    if (rebalanceMs === undefined) return;
    const rebalanced = streamRebalanced(upstream);
    this.#rebalancing = new Rebalancing({
      overMs: rebalanceMs,
      agenda,
      endpoints,
      shareOf: (endpoint) => parts.shareOf(endpoint),
      end: (call) => call.giveWay(rebalanced),
      onPlan: (plan) => parts.onRebalance(plan),
      random,
    });
  }

  /** Whether streams were ended that have not been opened again yet. */
  get isExpecting(): boolean {
    return this.#rebalancing?.isExpecting === true;
  }

  /** Endpoints have joined, or are back. */
  joined(nowMs: number, endpoints: readonly Endpoint[]): void {
    this.#rebalancing?.plan(nowMs, endpoints);
  }

  /** @returns the endpoint for a call that takes the place of an ended stream. Undefined if that is for the balancer to say */
  target(client: string, method: string, accepts: (endpoint: Candidate) => boolean): Candidate | undefined {
    return this.#rebalancing?.target(client, method, accepts);
  }

  /** Does what is due by now. A timer does so by itself. */
  run(nowMs: number): void {
    this.#agenda.run(nowMs);
  }

  /** No call begins any more: nothing is done once those that run have ended. */
  finish(): void {
    this.#ages?.finish();
  }

  close(): void {
    this.#agenda.clear();
  }
}
