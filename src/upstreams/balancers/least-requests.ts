// Draws two endpoints at random and takes the one with fewer open calls for its weight (the power of two choices). Looking at all endpoints
// and taking the best would send every call to the same one until its count has caught up; two are nearly as even.

import type { Balanced, Balancer, PickContext } from './balancer.ts';
import { WeightedDraw } from './weighted-draw.ts';

export class LeastRequests<Candidate extends Balanced> implements Balancer<Candidate> {
  readonly #draw: WeightedDraw<Candidate>;

  /** @param random from 0 to less than 1 */
  constructor(random: () => number = Math.random) {
    this.#draw = new WeightedDraw(random);
  }

  use(endpoints: readonly Candidate[]): void {
    this.#draw.use(endpoints);
  }

  pick(context: PickContext<Candidate>): Candidate | undefined {
    const first = this.#draw.draw(context, undefined);
    if (first === undefined || this.#draw.count === 1) return first;
    const second = this.#draw.draw(context, first);
    if (second === undefined) return first;
    // Where both are equally busy, the one that was drawn by weight stands. Idle endpoints so get their shares.
    return second.activeCalls * first.weight < first.activeCalls * second.weight ? second : first;
  }
}
