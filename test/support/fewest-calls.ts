// A balancer for tests, as in ARCHITECTURE's recipe: it picks the endpoint with the fewest calls among those that can take one.

import type { Balanced, Balancer, PickContext } from '../../src/upstreams/balancers/balancer.ts';

export class FewestCalls<Candidate extends Balanced> implements Balancer<Candidate> {
  #endpoints: readonly Candidate[] = [];

  use(endpoints: readonly Candidate[]): void {
    this.#endpoints = endpoints;
  }

  pick(context: PickContext<Candidate>): Candidate | undefined {
    let best: Candidate | undefined;
    for (const endpoint of this.#endpoints) {
      if (!endpoint.isPickable || !context.accepts(endpoint)) continue;
      if (best === undefined || endpoint.activeCalls < best.activeCalls) best = endpoint;
    }
    return best;
  }
}
