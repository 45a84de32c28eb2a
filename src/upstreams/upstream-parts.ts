// The parts that an upstream is made of, and the events that it reports.

import type { EndpointState, UpstreamConfig } from '../config/upstream-config.ts';
import type { Panic } from './availability.ts';
import type { Balancer } from './balancers/balancer.ts';
import type { Endpoint, EndpointEvents } from './endpoint.ts';
import type { OutageNews } from './outage.ts';
import type { RebalancePlan } from './rebalancing.ts';

/** The keys of `limits` of an upstream. */
export type UpstreamLimit = 'streams' | 'pending' | 'retries';

/** How much of a limit is taken. */
export interface LimitUse {
  readonly used: number;
  readonly most: number;
}

export interface UpstreamEvents extends Omit<EndpointEvents, 'onCapacity'> {
  /** No configuration names the endpoint any more. Called before its idle connections are closed. */
  readonly onLeft: (endpoint: Endpoint) => void;
  /**
   * A call of this client, which holds the most places, was idle while others waited.
   * @param client the client's address as it is counted
   */
  readonly onGaveWay: (client: string) => void;
  /** Calls have waited for a place for a second. Not repeated before nobody waits any more. */
  readonly onWaiting: (count: number, why: string) => void;
  /** A call has waited for a place for so long, and waits no more: it has one, or has gone. */
  readonly onWaited: (waitedMs: number) => void;
  /** A call was refused, or not sent again, since the upstream has as many as this limit allows. */
  readonly onLimit: (limit: UpstreamLimit, most: number) => void;
  readonly onPanic: (panic: Panic) => void;
  /** No endpoint can be used any more, or one can be again. */
  readonly onOutage: (news: OutageNews) => void;
  /** So many calls were refused, because no endpoint can be used. */
  readonly onNoEndpoint: (calls: number) => void;
  /** An endpoint has joined or come back, and so many streams at others are ended for it, over this time. */
  readonly onRebalance: (plan: RebalancePlan) => void;
}

/** What an upstream needs of its configuration, whatever its endpoints speak. */
export type UpstreamSettings = Omit<UpstreamConfig, 'tls' | 'balance' | BalanceKeys> &
  Partial<Pick<UpstreamConfig, BalanceKeys>>;

type BalanceKeys = 'hash' | 'panicShare' | 'preferredZone' | 'slowStartMs' | 'streams';

export interface UpstreamParts<Candidate extends Endpoint> {
  readonly config: UpstreamSettings;
  /** The time after which calls that make no use of their place give way to others. Undefined means never. */
  readonly stallTimeoutMs: number | undefined;
  readonly makeBalancer: () => Balancer<Candidate>;
  readonly makeEndpoint: (state: EndpointState, events: EndpointEvents) => Candidate;
}
