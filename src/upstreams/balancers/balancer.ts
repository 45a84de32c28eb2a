// Chooses the endpoint of an upstream for the next attempt, and does nothing else. The upstream decides whether an endpoint can
// take a call, when it is dialled, and which calls wait. The suite that every balancer must pass is in test/upstreams/balancers.

/** What a balancer needs to know of an endpoint. */
export interface Balanced {
  readonly address: { readonly text: string };
  /** Whether the endpoint can take a call now. */
  readonly isPickable: boolean;
  /** Whether the endpoint can take no call only because its first connection is not there yet. */
  readonly isAwaited: boolean;
  /** The number of attempts that have a place at the endpoint now. */
  readonly activeCalls: number;
  /** Its share of the calls, in proportion to the other endpoints. Above 0. When it changes, the balancer is told by `use`. */
  readonly weight: number;
}

/** What is known of the attempt. One object is reused for all picks, so it is valid only during the call. */
export interface PickContext<Candidate> {
  /** Whether the attempt may go to this endpoint. Says nothing about whether the endpoint is pickable. */
  accepts(candidate: Candidate): boolean;
  /** An unsigned number of 32 bits. Calls with equal keys have equal hashes. Undefined when the call has no key. */
  readonly hash: number | undefined;
}

export interface Balancer<Candidate extends Balanced> {
  /** Replaces the endpoints, or tells of new weights. Endpoints that stay keep their state in the balancer. */
  use(endpoints: readonly Candidate[]): void;
  /** An endpoint that is pickable and accepted, or undefined when there is none. Synchronous; must not allocate. */
  pick(context: PickContext<Candidate>): Candidate | undefined;
}

/** Whether all endpoints have the same weight, as they have unless the configuration says otherwise. */
export function areEqual(endpoints: readonly Balanced[]): boolean {
  return endpoints.every(({ weight }) => weight === endpoints[0].weight);
}
