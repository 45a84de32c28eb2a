// Chooses the endpoint of an upstream for the next attempt, and does nothing else. The upstream decides whether an endpoint can
// take a call, when it is dialled and who waits. The suite that every balancer must pass is in test/upstreams/balancers.

/** What a balancer needs to know of an endpoint. */
export interface Balanced {
  /** Whether the endpoint can take a call now. */
  readonly isPickable: boolean;
  /** The number of attempts that have a place at the endpoint now. */
  readonly activeCalls: number;
}

/** What is known of the attempt. One object is reused for all picks, so it is valid only during the call. */
export interface PickContext<Candidate> {
  /** Whether the attempt may go to this endpoint. Says nothing about whether the endpoint is pickable. */
  accepts(candidate: Candidate): boolean;
}

export interface Balancer<Candidate extends Balanced> {
  /** Replaces the endpoints. Those that stay keep their state in the balancer. */
  use(endpoints: readonly Candidate[]): void;
  /** An endpoint that is pickable and accepted, or undefined when there is none. Synchronous; must not allocate. */
  pick(context: PickContext<Candidate>): Candidate | undefined;
}
