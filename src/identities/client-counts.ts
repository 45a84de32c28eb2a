// Counts what the process has in hand for each client, within a bound for one client and a bound for all of them.

import { isKeyOfMany } from '../config/client-network.ts';

/** Which bound is reached: that of the client, or that of all clients. */
export type Bound = 'client' | 'all';

export class ClientCounts {
  readonly #mostOfClient: number;
  readonly #most: number;
  readonly #byClient = new Map<string, number>();
  #total = 0;

  constructor(mostOfClient: number, most: number) {
    this.#mostOfClient = mostOfClient;
    this.#most = most;
  }

  get total(): number {
    return this.#total;
  }

  /** @returns undefined if one more was counted, which `remove` must take back */
  add(client: string): Bound | undefined {
    if (this.#total >= this.#most) return 'all';
    const count = this.#byClient.get(client) ?? 0;
    // Many clients that cannot be told apart must leave room for those that can.
    if (count >= (isKeyOfMany(client) ? this.#most / 2 : this.#mostOfClient)) return 'client';
    this.#total++;
    this.#byClient.set(client, count + 1);
    return undefined;
  }

  remove(client: string): void {
    const left = (this.#byClient.get(client) ?? 1) - 1;
    this.#total--;
    if (left === 0) this.#byClient.delete(client);
    else this.#byClient.set(client, left);
  }
}
