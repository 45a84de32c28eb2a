// Notices that the process has no file descriptor left. Node says nothing of clients that it has to turn away for that,
// so it is found out by asking for a descriptor now and then. Never keeps one.

import { closeSync, openSync } from 'node:fs';

const LOOK_EVERY_MS = 2000;

export class DescriptorWatch {
  readonly #onExhausted: (code: string) => void;
  readonly #timer: NodeJS.Timeout;

  /** @param onExhausted told at every look at which there is none, with EMFILE or ENFILE */
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
