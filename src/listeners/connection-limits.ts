// Limits the number of connections, in total and per client address. The cost of a decision does not depend on the number of
// connections. This class never touches a socket; the holder of a place releases it.

import { clientNetwork } from '../config/client-network.ts';
import type { RefusalToken } from '../diagnosis/refusal.ts';

export interface ConnectionCaps {
  readonly connections: number;
  /** The limit per client address. Undefined means no limit. */
  readonly perAddress: number | undefined;
}

/** Held as long as the connection is open. */
export interface ConnectionPlace {
  /** Gives the place back. May be called twice. */
  release(): void;
  /**
   * Counts the connection for the address that its PROXY header names, instead of the one counted so far.
   * @returns the reason when the connection must be closed; the place must still be released then
   */
  countFor(address: string): ConnectionRefusal | undefined;
}

export interface ConnectionRefusal {
  readonly token: RefusalToken;
  readonly detail?: string;
}

export class ConnectionLimits {
  /** May be changed at any time. Existing connections stay. */
  caps: ConnectionCaps;
  /** True while memory is exhausted: no connection gets a place. */
  isClosed = false;
  #open = 0;
  #refused = 0;
  /** Open connections by address or IPv6 network. Exempt connections, and those without an address, are not in here. */
  readonly #byAddress = new Map<string, number>();
  readonly #byListener = new Map<string, number>();

  constructor(caps: ConnectionCaps) {
    this.caps = caps;
  }

  get openCount(): number {
    return this.#open;
  }

  /** Open connections by the name of their listener. A listener that ever had a connection stays in the map. */
  get openByListener(): ReadonlyMap<string, number> {
    return this.#byListener;
  }

  /** Refused connections since the start. */
  get refusedCount(): number {
    return this.#refused;
  }

  /**
   * @param address as text, or '' when there is none
   * @param isExempt the address stands for many clients: the connection counts towards the total, but not per address
   */
  take(address: string, isExempt: boolean, listener = ''): ConnectionPlace | ConnectionRefusal {
    const key = isExempt || address === '' ? undefined : clientNetwork(address);
    const refusal = this.#refusalInAll() ?? this.#refusalOf(key);
    if (refusal !== undefined) {
      this.#refused++;
      return refusal;
    }
    return this.#place(key, listener);
  }

  #place(key: string | undefined, listener: string): ConnectionPlace {
    let counted = key;
    let isHeld = true;
    this.#open++;
    this.#byListener.set(listener, (this.#byListener.get(listener) ?? 0) + 1);
    this.#count(counted);
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#open--;
        this.#byListener.set(listener, (this.#byListener.get(listener) ?? 1) - 1);
        this.#discount(counted);
      },
      countFor: (address) => {
        if (!isHeld) return undefined;
        this.#discount(counted);
        counted = undefined;
        const next = clientNetwork(address);
        const refusal = this.#refusalOf(next);
        if (refusal !== undefined) {
          this.#refused++;
          return refusal;
        }
        counted = next;
        this.#count(counted);
        return undefined;
      },
    };
  }

  #refusalInAll(): ConnectionRefusal | undefined {
    if (this.isClosed) return { token: 'memory_exhausted' };
    if (this.#open < this.caps.connections) return undefined;
    return { token: 'too_many_connections', detail: `${this.#open} connections` };
  }

  #refusalOf(key: string | undefined): ConnectionRefusal | undefined {
    const { perAddress } = this.caps;
    if (key === undefined || perAddress === undefined) return undefined;
    const count = this.#byAddress.get(key) ?? 0;
    if (count < perAddress) return undefined;
    return { token: 'too_many_connections_of_address', detail: `${count} connections of ${key}` };
  }

  #count(key: string | undefined): void {
    if (key !== undefined) this.#byAddress.set(key, (this.#byAddress.get(key) ?? 0) + 1);
  }

  #discount(key: string | undefined): void {
    if (key === undefined) return;
    const count = this.#byAddress.get(key) ?? 0;
    if (count > 1) this.#byAddress.set(key, count - 1);
    else this.#byAddress.delete(key);
  }
}

export function isPlace(result: ConnectionPlace | ConnectionRefusal): result is ConnectionPlace {
  return 'release' in result;
}
