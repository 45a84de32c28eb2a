// The accounts of all clients of the process. Bounded: those of clients that are gone, with nothing to remember, go when there
// are as many again as the last time, and of those with something to remember not many are kept.

import { turnNowMs } from '../transport/turn-clock.ts';
import { ClientAccount } from './client-account.ts';
import { isKeyOfMany } from './holding.ts';

/** Of clients that are gone. */
const MOST_REMEMBERED = 4096;
const FIRST_SWEEP = 256;

export class ClientAccounts {
  readonly #accounts = new Map<string, ClientAccount>();
  /** Of all clients without an address. */
  readonly #ofMany = new ClientAccount('', true);
  #sweepAt = FIRST_SWEEP;

  get size(): number {
    return this.#accounts.size;
  }

  /**
   * To be given back by `close`.
   * @param key the address as it is counted; '' where there is none
   */
  open(key: string): ClientAccount {
    const account = this.find(key);
    account.references++;
    return account;
  }

  /** For one call: what the account has to remember keeps it, and places that it holds. */
  find(key: string): ClientAccount {
    if (isKeyOfMany(key)) return this.#ofMany;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      if (this.#accounts.size >= this.#sweepAt) this.#sweep();
      account = new ClientAccount(key, false);
      this.#accounts.set(key, account);
    }
    return account;
  }

  /** The account stays until the next sweep: a client that connects for each call would else cost a set and a delete each time. */
  close(account: ClientAccount): void {
    if (account.references > 0) account.references--;
  }

  /** Those go that have nothing to remember, and of the others the oldest where there are too many. */
  #sweep(): void {
    const nowMs = turnNowMs();
    let remembered = 0;
    for (const account of this.#accounts.values()) if (!account.isInUse) remembered++;
    for (const [key, account] of this.#accounts) {
      if (account.isInUse) continue;
      if (!account.isForgettable(nowMs) && remembered <= MOST_REMEMBERED) continue;
      this.#accounts.delete(key);
      remembered--;
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#accounts.size);
  }
}
