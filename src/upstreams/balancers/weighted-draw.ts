// Draws an endpoint at random, in proportion to the weights.

import { areEqual, type Balanced, type PickContext } from './balancer.ts';

/** How often one is drawn that cannot take the call before all are looked at. */
const DRAWS = 4;

export class WeightedDraw<Candidate extends Balanced> {
  readonly #random: () => number;
  #endpoints: readonly Candidate[] = [];
  /** The sums of the weights up to each endpoint. Undefined while all weights are equal. */
  #sums: Float64Array | undefined = undefined;

  /** @param random from 0 to less than 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  use(endpoints: readonly Candidate[]): void {
    this.#endpoints = endpoints;
    let sum = 0;
    this.#sums = areEqual(endpoints)
      ? undefined
      : Float64Array.from(endpoints, ({ weight }) => {
          sum += weight;
          return sum;
        });
  }

  get count(): number {
    return this.#endpoints.length;
  }

  /** @param except an endpoint that is not wanted. @returns one that is pickable and accepted, or undefined if there is none */
  draw(context: PickContext<Candidate>, except: Candidate | undefined): Candidate | undefined {
    if (this.#endpoints.length === 0) return undefined;
    for (let draws = 0; draws < DRAWS; draws++) {
      const drawn = this.#endpoints[this.#any()];
      if (drawn !== except && drawn.isPickable && context.accepts(drawn)) return drawn;
    }
    return this.#search(context, except);
  }

  #any(): number {
    const sums = this.#sums;
    const count = this.#endpoints.length;
    if (sums === undefined) return Math.floor(this.#random() * count);
    const wanted = this.#random() * sums[count - 1];
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Looks at all endpoints once; each that can take the call is kept with its share of the weights seen so far. */
  #search(context: PickContext<Candidate>, except: Candidate | undefined): Candidate | undefined {
    let found: Candidate | undefined;
    let sum = 0;
    for (const endpoint of this.#endpoints) {
      if (endpoint === except || !endpoint.isPickable || !context.accepts(endpoint)) continue;
      sum += endpoint.weight;
      if (this.#random() * sum < endpoint.weight) found = endpoint;
    }
    return found;
  }
}
