// Endpoints take turns; one that cannot take a call now is passed over.

import type { Balanced, Balancer, PickContext } from './balancer.ts';

export class RoundRobin<Candidate extends Balanced> implements Balancer<Candidate> {
  #endpoints: readonly Candidate[] = [];
  /** Index of the one whose turn is next. */
  #next = 0;

  use(endpoints: readonly Candidate[]): void {
    const before = this.#endpoints;
    const first = this.#next;
    this.#endpoints = endpoints;
    this.#next = 0;
    // The turn stays with the endpoint that had it, or goes to the next one behind it that is still there.
    for (let step = 0; step < before.length; step++) {
      const index = endpoints.indexOf(before[(first + step) % before.length]);
      if (index === -1) continue;
      this.#next = index;
      return;
    }
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
