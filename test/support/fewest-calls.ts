// A balancer as ARCHITECTURE's recipe has it, for tests: of those that can take a call the one that carries the fewest.

import type { Balanced, Balancer, PickContext } from '../../src/upstreams/balancers/balancer.ts';

export class FewestCalls<Candidate extends Balanced> implements Balancer<Candidate> {
  #endpoints: readonly Candidate[] = [];

  use(endpoints: readonly Candidate[]): void {
    this.#endpoints = endpoints;
  }

  pick({ tried }: PickContext<Candidate>): Candidate | undefined {
    let best: Candidate | undefined;
    for (const endpoint of this.#endpoints) {
      if (!endpoint.isPickable || tried.includes(endpoint)) continue;
      if (best === undefined || endpoint.activeCalls < best.activeCalls) best = endpoint;
    }
    return best;
  }
}
