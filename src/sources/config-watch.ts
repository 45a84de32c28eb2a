// Requests a reload when the configuration file has changed and two looks in a row have seen the same change. At the first look the
// writer may not have finished, and the first half of a file can be a valid configuration.

import { isStandardInput } from '../config/standard-input.ts';
import { signatureNow, signatureOf } from './file-signature.ts';
import { Poll } from './poll.ts';

export class ConfigWatch {
  readonly #file: string;
  readonly #onChanged: () => void;
  readonly #poll = new Poll(() => this.#look());
  /** The signature of the file for which a reload was last requested; at first, that of the file its creator has just read. */
  #known: string;
  #seen = '';

  constructor(file: string, onChanged: () => void) {
    this.#file = file;
    this.#onChanged = onChanged;
    // Taken now: at the first look it would be too late, and a change before that look would go unnoticed.
    this.#known = signatureNow(file);
  }

  setInterval(everyMs: number | undefined): void {
    this.#poll.setInterval(isStandardInput(this.#file) ? undefined : everyMs);
  }

  async #look(): Promise<void> {
    const signature = await signatureOf([this.#file]);
    if (signature !== this.#known && signature === this.#seen) {
      this.#known = signature;
      this.#onChanged();
    }
    this.#seen = signature;
  }
}
