// Whose calls a filter by client leaves: those of a peer, or of a client that a trusted peer names. On the connection of a trusted peer each
// call may come from another client, so what is decided there for one call says nothing of the next.

import type { ExchangeSubject } from '../calls/exchange-record.ts';
import { addressRange, withoutPort } from '../config/address-range.ts';

type ClientOfCall = Pick<ExchangeSubject, 'client' | 'clientKey' | 'clientAddress' | 'namesOtherClients'>;

export class ClientFilter {
  readonly #wanted: string;
  readonly #isInRange: (address: string) => boolean;

  /** @param wanted ADDRESS:PORT, an address with or without the port, a range (CIDR), or the key that a call is counted by */
  constructor(wanted: string) {
    this.#wanted = wanted;
    this.#isInRange = addressRange(wanted) ?? (() => false);
  }

  fits(call: ClientOfCall): boolean {
    const { client, clientKey, namesOtherClients } = call;
    return (
      client === this.#wanted ||
      clientKey === this.#wanted ||
      this.#isInRange(withoutPort(client)) ||
      (namesOtherClients && this.#isInRange(call.clientAddress))
    );
  }
}
