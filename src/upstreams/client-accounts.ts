// The accounts of all clients of the process. Their number is bounded: the accounts of disconnected clients without state are
// dropped whenever the number of accounts has doubled, and only a limited number of those with state is kept.

import { isKeyOfMany } from '../config/client-network.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import { ClientAccount } from './client-account.ts';

/** How many accounts of disconnected clients a sweep keeps at most. */
const MOST_REMEMBERED = 4096;
const FIRST_SWEEP = 256;

export class ClientAccounts {
  readonly #accounts = new Map<string, ClientAccount>();
  /** The account of all clients without an address. */
  readonly #ofMany = new ClientAccount('', true);
  #sweepAt = FIRST_SWEEP;

  get size(): number {
    return this.#accounts.size;
  }

  /**
   * The account of a client that connects. The caller must return it by `close`.
   * @param key the client's address as it is counted, or '' when it has none
   */
  open(key: string): ClientAccount {
    const account = this.find(key);
    account.references++;
    return account;
  }

  /** The account for one call. It is not referenced: its state and the places it holds keep it. */
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

  /**
   * Returns an account. The account stays until the next sweep: otherwise a client that connects for each call would cost a set
   * and a delete each time.
   */
  close(account: ClientAccount): void {
    if (account.references > 0) account.references--;
  }

  /** Drops accounts without state, and the oldest of the others when there are too many. */
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
