// The endpoints take turns. An endpoint that cannot take a call now is skipped. Where the weights differ, the turns are those of
// WeightedTurns.

import { areEqual, type Balanced, type Balancer, type PickContext } from './balancer.ts';
import { WeightedTurns } from './weighted-turns.ts';

export class RoundRobin<Candidate extends Balanced> implements Balancer<Candidate> {
  #endpoints: readonly Candidate[] = [];
  /** The index of the endpoint whose turn is next. */
  #next = 0;
  /** Undefined while all weights are equal. */
  #weighted: WeightedTurns<Candidate> | undefined = undefined;

  use(endpoints: readonly Candidate[]): void {
    if (areEqual(endpoints)) this.#weighted = undefined;
    else {
      this.#weighted ??= new WeightedTurns();
      this.#weighted.use(endpoints);
    }
    this.#takeTurns(endpoints);
  }

  #takeTurns(endpoints: readonly Candidate[]): void {
    const before = this.#endpoints;
    const first = this.#next;
    this.#endpoints = endpoints;
    this.#next = 0;
    if (before.length === 0) return;
    const indices = new Map<Candidate, number>();
    for (let index = 0; index < endpoints.length; index++) indices.set(endpoints[index], index);
    // The turn stays with the endpoint that has it, or passes to the next one after it that still exists.
    for (let step = 0; step < before.length; step++) {
      const index = indices.get(before[(first + step) % before.length]);
      if (index === undefined) continue;
      this.#next = index;
      return;
    }
  }

  pick(context: PickContext<Candidate>): Candidate | undefined {
    if (this.#weighted !== undefined) return this.#weighted.pick(context);
    const endpoints = this.#endpoints;
    const count = endpoints.length;
    for (let step = 0; step < count; step++) {
      const index = (this.#next + step) % count;
      const endpoint = endpoints[index];
      if (!endpoint.isPickable || !context.accepts(endpoint)) continue;
      this.#next = (index + 1) % count;
      return endpoint;
    }
    return undefined;
  }
}
