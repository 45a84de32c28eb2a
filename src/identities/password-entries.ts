// The users of a list of passwords, by name. A name that is not in the list takes as long to verify as one that is, so that nobody learns
// which names are. The costs in a list may differ. So each unknown name has the cost of one of the entries, always of the same, and as
// many names have each cost as there are entries with it.

import { createHash, createHmac } from 'node:crypto';
import type { PublicKey } from '../config/public-keys.ts';

export interface FoundEntry {
  /** What the password is compared with. Undefined if the list is empty. */
  readonly entry: PublicKey | undefined;
  readonly isListed: boolean;
}

export class PasswordEntries {
  readonly keys: readonly PublicKey[];
  readonly #byName: ReadonlyMap<string, PublicKey>;
  readonly #byCost: readonly PublicKey[];
  /** Nobody outside knows it, and all processes have the same, also after a restart: otherwise the time of an unknown name would change. */
  readonly #secret: Buffer;

  constructor(keys: readonly PublicKey[]) {
    this.keys = keys;
    this.#byName = new Map(keys.map((key) => [key['name'], key]));
    this.#byCost = keys.toSorted((one, other) => costOf(one) - costOf(other));
    // By the first entry alone, so that most names keep their cost when others come and go.
    this.#secret = createHash('sha256')
      .update(JSON.stringify(keys.slice(0, 1)))
      .digest();
  }

  find(name: string): FoundEntry {
    const listed = this.#byName.get(name);
    if (listed !== undefined) return { entry: listed, isListed: true };
    const place = createHmac('sha256', this.#secret).update(name).digest().readUInt32BE() / 2 ** 32;
    return { entry: this.#byCost.at(Math.floor(place * this.#byCost.length)), isListed: false };
  }
}

function costOf({ costLog, parallel }: PublicKey): number {
  return 2 ** Number(costLog) * Number(parallel);
}
