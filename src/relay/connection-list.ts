// The connections of clients, in no order. Not a Set: see docs/decisions/0030, whose tables of streams these would be.

/** The field belongs to the list; start with -1. */
export interface Listed {
  listPlace: number;
}

export class ConnectionList<Connection extends Listed> {
  readonly #connections: Connection[] = [];

  get size(): number {
    return this.#connections.length;
  }

  /** Those of now: the list may change while they are walked through. */
  values(): Connection[] {
    return this.#connections.slice();
  }

  add(connection: Connection): void {
    connection.listPlace = this.#connections.length;
    this.#connections.push(connection);
  }

  /** The last one takes its place. Does nothing when it is not there. */
  remove(connection: Connection): void {
    const place = connection.listPlace;
    if (place === -1) return;
    connection.listPlace = -1;
    const last = this.#connections.pop();
    if (last === undefined || last === connection) return;
    last.listPlace = place;
    this.#connections[place] = last;
  }
}
