// The credentials of one identity that wait for newer keys. They are counted for this identity alone, so that an issuer that does not
// answer holds up nobody who has credentials for another one.

import { ClientCounts } from './client-counts.ts';
import type { Rejection } from './identity.ts';
import type { KeySet } from './key-sets.ts';

const MOST_OF_CLIENT = 64;
const MOST = 1024;

export class KeyWaits {
  readonly #keys: KeySet;
  readonly #counts = new ClientCounts(MOST_OF_CLIENT, MOST);

  constructor(keys: KeySet) {
    this.#keys = keys;
  }

  /**
   * Asks for newer keys if that may help.
   * @param tell is called when they are here, or could not be read
   * @returns stops waiting, and may be called at any time; 'early' if it is too early to ask again, 'full' if too many wait already
   */
  begin(client: string, tell: () => void): (() => void) | 'early' | 'full' {
    if (this.#counts.add(client) !== undefined) return 'full';
    let isWaiting = true;
    const leave = (): void => {
      if (isWaiting) this.#counts.remove(client);
      isWaiting = false;
    };
    const stop = this.#keys.awaitNewer(() => {
      leave();
      tell();
    });
    if (stop === undefined) {
      leave();
      return 'early';
    }
    return () => {
      stop();
      leave();
    };
  }
}

/** For credentials that may not wait. */
export function tooManyWait(identity: string, { source }: KeySet): Rejection {
  return {
    token: 'keys_unavailable',
    sentence: `too many credentials wait for newer keys of identity ${identity} (${source})`,
  };
}
