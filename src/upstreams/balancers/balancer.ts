// Which endpoint of an upstream the next attempt goes to. A balancer chooses and does nothing else: whether an endpoint can take a
// call, when it is dialled and who waits is for the upstream. test/upstreams/balancers has the suite that every balancer passes.

/** What a balancer needs to know of an endpoint. */
export interface Balanced {
  /** A call may be given to it now. */
  readonly isPickable: boolean;
  /** Attempts that have a place at it now. */
  readonly activeCalls: number;
}

/** What is known of the attempt. One object for all of them: valid only during the call. */
export interface PickContext<Candidate> {
  /** Endpoints that the call has tried in vain. */
  readonly tried: readonly Candidate[];
}

export interface Balancer<Candidate extends Balanced> {
  /** The endpoints are these from now on. Those that it had before keep their standing. */
  use(endpoints: readonly Candidate[]): void;
  /** One that is pickable and was not tried, where there is one. Synchronous, and allocates nothing. */
  pick(context: PickContext<Candidate>): Candidate | undefined;
}
