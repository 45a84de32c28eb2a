// The connections of clients, in no particular order. Not a Set: V8 would replace its table as connections come and go, and the old
// tables would survive many collections (docs/decisions/0030).

/** Only the list changes the field. The initial value is -1. */
export interface Listed {
  listPlace: number;
}

export class ConnectionList<Connection extends Listed> {
  readonly #connections: Connection[] = [];

  get size(): number {
    return this.#connections.length;
  }

  /** A copy, so the list may change while a caller iterates. */
  values(): Connection[] {
    return this.#connections.slice();
  }

  add(connection: Connection): void {
    connection.listPlace = this.#connections.length;
    this.#connections.push(connection);
  }

  /** The last connection takes the place of the removed one. Does nothing if the connection is not in the list. */
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
