// Endpoints take turns; one that cannot take a call now is passed over.

import type { Balanced, Balancer, PickContext } from './balancer.ts';

export class RoundRobin<Candidate extends Balanced> implements Balancer<Candidate> {
  #endpoints: readonly Candidate[] = [];
  /** Index of the one whose turn is next. */
  #next = 0;

  use(endpoints: readonly Candidate[]): void {
    // Whose turn it was keeps it.
    const next = this.#endpoints.at(this.#next);
    this.#endpoints = endpoints;
    this.#next = next === undefined ? 0 : Math.max(0, endpoints.indexOf(next));
  }

  pick({ tried }: PickContext<Candidate>): Candidate | undefined {
    const endpoints = this.#endpoints;
    const count = endpoints.length;
    for (let step = 0; step < count; step++) {
      const index = (this.#next + step) % count;
      const endpoint = endpoints[index];
      if (!endpoint.isPickable || tried.includes(endpoint)) continue;
      this.#next = (index + 1) % count;
      return endpoint;
    }
    return undefined;
  }
}
