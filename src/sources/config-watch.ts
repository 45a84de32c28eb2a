// Asks for a reload when the file of the configuration has changed and been left alone since: whoever writes it may not
// have finished, and the first half of a file can be a whole configuration.

import { isStandardInput } from '../config/standard-input.ts';
import { signatureNow, signatureOf } from './file-signature.ts';
import { Poll } from './poll.ts';

export class ConfigWatch {
  readonly #file: string;
  readonly #onChanged: () => void;
  readonly #poll = new Poll(() => this.#look());
  /** Of the file as it was last read, or taken for it: by the constructor's caller, which has just read it. */
  #known: string;
  #seen = '';

  constructor(file: string, onChanged: () => void) {
    this.#file = file;
    this.#onChanged = onChanged;
    // At the first look it would be too late: a change before that would never be seen.
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
