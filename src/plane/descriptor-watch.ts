// Notices when the process has no file descriptor left. Node does not report the clients it turns away for this reason, so the watch
// opens a file at intervals and closes it at once.

import { closeSync, openSync } from 'node:fs';

const LOOK_EVERY_MS = 2000;

export class DescriptorWatch {
  readonly #onExhausted: (code: string) => void;
  readonly #timer: NodeJS.Timeout;

  /** @param onExhausted called with EMFILE or ENFILE at every look that finds no descriptor */
  constructor(onExhausted: (code: string) => void, lookEveryMs = LOOK_EVERY_MS) {
    this.#onExhausted = onExhausted;
    this.#timer = setInterval(() => this.#look(), lookEveryMs).unref();
  }

  #look(): void {
    try {
      closeSync(openSync('/dev/null', 'r'));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EMFILE' || code === 'ENFILE') this.#onExhausted(code);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
