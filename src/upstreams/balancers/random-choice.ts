// Draws any endpoint at random by weight. So proxies that know nothing of each other do not all choose the same endpoint at once.

import type { Balanced, Balancer, PickContext } from './balancer.ts';
import { WeightedDraw } from './weighted-draw.ts';

export class RandomChoice<Candidate extends Balanced> implements Balancer<Candidate> {
  readonly #draw: WeightedDraw<Candidate>;

  /** @param random from 0 to less than 1 */
  constructor(random: () => number = Math.random) {
    this.#draw = new WeightedDraw(random);
  }

  use(endpoints: readonly Candidate[]): void {
    this.#draw.use(endpoints);
  }

  pick(context: PickContext<Candidate>): Candidate | undefined {
    return this.#draw.draw(context, undefined);
  }
}
