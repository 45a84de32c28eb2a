// Recently used stream identifiers, in a ring that grows as it fills, up to a limit, and then drops the oldest.

const FIRST_CAPACITY = 64;

export class RecentIds {
  readonly #largestCapacity: number;
  /** Allocated at the first identifier, since many connections never need it. */
  #ids: Int32Array | undefined = undefined;
  #next = 0;

  constructor(largestCapacity: number) {
    this.#largestCapacity = largestCapacity;
  }

  add(id: number): void {
    let ids = this.#ids ?? new Int32Array(Math.min(FIRST_CAPACITY, this.#largestCapacity));
    if (this.#next === ids.length) {
      if (ids.length < this.#largestCapacity) ids = grown(ids, this.#largestCapacity);
      else this.#next = 0;
    }
    this.#ids = ids;
    ids[this.#next++] = id;
  }

  has(id: number): boolean {
    return this.#ids?.includes(id) === true;
  }
}

function grown(ids: Int32Array, largestCapacity: number): Int32Array {
  const larger = new Int32Array(Math.min(ids.length * 2, largestCapacity));
  larger.set(ids);
  return larger;
}
