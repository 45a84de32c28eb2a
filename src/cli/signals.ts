// What signals ask of a running proxy. Node's own way with each of them would be to end the process and cut every call.

import type { LogDestination } from '../observability/log-destination.ts';

/** Asks for something each time: SIGHUP for a reload, SIGUSR2 for other workers. */
export class RequestSignal {
  #isWaiting = false;
  #onSignal: (() => void) | undefined = undefined;

  constructor(signal: 'SIGHUP' | 'SIGUSR2') {
    process.on(signal, () => {
      if (this.#onSignal === undefined) this.#isWaiting = true;
      else this.#onSignal();
    });
  }

  /** One that came before is told at once. */
  listen(onSignal: () => void): void {
    this.#onSignal = onSignal;
    if (this.#isWaiting) onSignal();
  }
}

/** The first signal asks for an end, the second one makes it. */
export class StopSignals {
  readonly first: Promise<string>;
  /** Asks for an end as a signal does. */
  readonly stop: (reason: string) => void;
  /** What has to be done before the second one ends the process. */
  onSecond: () => void = () => undefined;

  constructor(destination: LogDestination) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.first = promise;
    this.stop = resolve;
    let count = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        count++;
        if (count === 1) {
          resolve(signal);
          return;
        }
        this.onSecond();
        destination.flushSync();
        process.exit(1);
      });
    }
  }
}
