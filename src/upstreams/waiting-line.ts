// Those that wait, in the order of their arrival. To take the first of a Map again and again would walk each time over all that were
// taken before: of 100,000 that are served in one turn, that would take seconds.

export class LinePlace<Item, Value> {
  readonly item: Item;
  readonly value: Value;
  /** Only WaitingLine changes these. */
  next: LinePlace<Item, Value> | undefined = undefined;
  previous: LinePlace<Item, Value> | undefined;

  constructor(item: Item, value: Value, previous: LinePlace<Item, Value> | undefined) {
    this.item = item;
    this.value = value;
    this.previous = previous;
  }
}

export class WaitingLine<Item, Value> {
  /** By item, to find them. */
  readonly #places = new Map<Item, LinePlace<Item, Value>>();
  #first: LinePlace<Item, Value> | undefined = undefined;
  #last: LinePlace<Item, Value> | undefined = undefined;

  get size(): number {
    return this.#places.size;
  }

  get first(): LinePlace<Item, Value> | undefined {
    return this.#first;
  }

  get last(): LinePlace<Item, Value> | undefined {
    return this.#last;
  }

  get(item: Item): Value | undefined {
    return this.#places.get(item)?.value;
  }

  has(item: Item): boolean {
    return this.#places.has(item);
  }

  /** The item must not be in the line. */
  append(item: Item, value: Value): void {
    const place = new LinePlace(item, value, this.#last);
    if (this.#last === undefined) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    this.#places.set(item, place);
  }

  /** @returns whether the item was in the line. Its place still leads to those behind it, until these go. */
  delete(item: Item): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    if (place.previous === undefined) this.#first = place.next;
    else place.previous.next = place.next;
    if (place.next === undefined) this.#last = place.previous;
    else place.next.previous = place.previous;
    return true;
  }
}
