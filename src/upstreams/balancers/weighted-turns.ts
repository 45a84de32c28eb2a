// Turns by weight: an endpoint of weight 3 has three turns while one of weight 1 has one, and they are spread evenly. Each endpoint
// has a time at which its next turn is due, in turns of an endpoint of weight 1, and the earliest is next (earliest deadline first,
// as in Envoy and gRPC). A heap finds it in a logarithm of the number of endpoints.

import type { Balanced, PickContext } from './balancer.ts';

export class WeightedTurns<Candidate extends Balanced> {
  #endpoints: readonly Candidate[] = [];
  /** When the next turn of each endpoint is due. */
  #due = new Float64Array(0);
  /** Indexes of endpoints. The first is due first; each comes before those at twice its place and one or two more. */
  #heap = new Uint32Array(0);
  /** The time of the last turn that was taken. */
  #now = 0;

  use(endpoints: readonly Candidate[]): void {
    const known = new Map(this.#endpoints.map((endpoint, index) => [endpoint, this.#due[index]]));
    this.#endpoints = endpoints;
    // A new endpoint has half of its first turn behind it, so that a heavy one does not have all its turns before the first turn of a light one.
    this.#due = Float64Array.from(
      endpoints,
      (endpoint) => known.get(endpoint) ?? this.#now + 0.5 / endpoint.weight,
    );
    this.#heap = Uint32Array.from(endpoints.keys());
    for (let place = 1; place < endpoints.length; place++) this.#rise(place);
  }

  pick(context: PickContext<Candidate>): Candidate | undefined {
    const endpoints = this.#endpoints;
    const heap = this.#heap;
    let size = endpoints.length;
    let found: Candidate | undefined;
    while (size > 0) {
      const index = heap[0];
      const endpoint = endpoints[index];
      if (endpoint.isPickable && context.accepts(endpoint)) {
        this.#now = Math.max(this.#now, this.#due[index]);
        this.#due[index] = this.#now + 1 / endpoint.weight;
        this.#sink(0, size);
        found = endpoint;
        break;
      }
      // It waits behind the heap.
      size--;
      heap[0] = heap[size];
      heap[size] = index;
      this.#sink(0, size);
    }
    for (; size < endpoints.length; size++) {
      const index = heap[size];
      // An endpoint that could not take the call has lost this turn only, and gets no burst of calls later.
      if (found !== undefined) this.#due[index] = this.#now + 1 / endpoints[index].weight;
      this.#rise(size);
    }
    return found;
  }

  #isBefore(a: number, b: number): boolean {
    return this.#due[a] < this.#due[b] || (this.#due[a] === this.#due[b] && a < b);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    let place = from;
    const index = heap[place];
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!this.#isBefore(index, heap[above])) break;
      heap[place] = heap[above];
      place = above;
    }
    heap[place] = index;
  }

  #sink(from: number, size: number): void {
    if (size <= from) return;
    const heap = this.#heap;
    let place = from;
    const index = heap[place];
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      if (below + 1 < size && this.#isBefore(heap[below + 1], heap[below])) below++;
      if (!this.#isBefore(heap[below], index)) break;
      heap[place] = heap[below];
      place = below;
    }
    heap[place] = index;
  }
}
