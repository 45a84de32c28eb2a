// Asks for a reload when the file of the configuration has changed and been left alone since: whoever writes it may not
// have finished, and the first half of a file can be a whole configuration.

import { signatureOf } from './file-signature.ts';
import { Poll } from './poll.ts';

export class ConfigWatch {
  readonly #file: string;
  readonly #onChanged: () => void;
  readonly #poll = new Poll(() => this.#look());
  #known: string | undefined = undefined;
  #seen = '';

  constructor(file: string, onChanged: () => void) {
    this.#file = file;
    this.#onChanged = onChanged;
  }

  setInterval(everyMs: number | undefined): void {
    this.#poll.setInterval(everyMs);
  }

  async #look(): Promise<void> {
    const signature = await signatureOf([this.#file]);
    this.#known ??= signature;
    if (signature !== this.#known && signature === this.#seen) {
      this.#known = signature;
      this.#onChanged();
    }
    this.#seen = signature;
  }
}
