// The addresses of one name as DNS said them last. What is known stays known while DNS fails, and also when it says that the name does
// not exist or has no addresses: services must not go down with their name server, or by an empty zone. gRPC keeps its addresses on an
// error of its resolver, too; Envoy (STRICT_DNS) keeps hosts on a failure, but drops them all on an empty answer.

import type { Family, FamilyAnswers } from '../../names/resolve-addresses.ts';
import { isUsable } from '../../names/usable-address.ts';
import type { NameProblem } from './name-problem.ts';

export interface KnownAddress {
  readonly address: string;
  readonly family: Family;
}

export class RememberedAddresses {
  readonly #known = new Map<Family, readonly KnownAddress[]>();

  get addresses(): readonly KnownAddress[] {
    return [...(this.#known.get(4) ?? []), ...(this.#known.get(6) ?? [])];
  }

  /**
   * Takes over what DNS said. A family that it answered for is replaced; one that it failed for stays.
   * @returns the shortest time to live, in seconds, or what is wrong, and then nothing has changed
   */
  take(answers: FamilyAnswers): { readonly ttl: number } | { readonly problem: NameProblem } {
    const fresh = new Map<Family, readonly KnownAddress[]>();
    let ttl = Number.POSITIVE_INFINITY;
    let problem: NameProblem = 'ENOTFOUND';
    for (const [family, answer] of answers) {
      if (answer.outcome !== 'found') {
        // A failure says more than that there is nothing: it is why.
        if (answer.outcome === 'failed' || problem === 'ENOTFOUND') problem = answer.code;
        if (answer.outcome === 'none') fresh.set(family, []);
        continue;
      }
      const usable = answer.records.filter(({ address }) => isUsable(address, family));
      if (usable.length === 0) problem = 'unusable';
      fresh.set(
        family,
        usable.map(({ address }) => ({ address, family })),
      );
      for (const record of usable) ttl = Math.min(ttl, record.ttl);
    }
    if (ttl === Number.POSITIVE_INFINITY) return { problem };
    for (const [family, addresses] of fresh) this.#known.set(family, addresses);
    return { ttl };
  }
}
