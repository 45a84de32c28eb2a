// Handles the signals of a running proxy. By default Node would end the process, cutting every call, or open its debugger.
// docs/operating.md has a table of all signals, which test/integration/signals.test.ts checks.

import type { LogDestination } from '../observability/log-destination.ts';

/** The signals that request a graceful stop. SIGQUIT is the STOPSIGNAL of nginx's images. */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
/** The signals that request an action each time: a reload, opening the log file again, new workers. */
export const REQUEST_SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** Ignores signals in a worker: the primary handles them, but a terminal sends them to all processes of the group. */
export function ignoreSignals(): void {
  for (const signal of [...STOP_SIGNALS, ...REQUEST_SIGNALS]) process.on(signal, () => undefined);
}

/** A signal that requests an action each time it arrives. */
export class RequestSignal {
  #isWaiting = false;
  #onSignal: (() => void) | undefined = undefined;

  constructor(signal: (typeof REQUEST_SIGNALS)[number]) {
    process.on(signal, () => {
      if (this.#onSignal === undefined) this.#isWaiting = true;
      else this.#onSignal();
    });
  }

  /** If the signal arrived before this call, `onSignal` is called at once. */
  listen(onSignal: () => void): void {
    this.#onSignal = onSignal;
    if (this.#isWaiting) onSignal();
  }
}

/** The first signal requests a graceful stop; the second one ends the process at once. */
export class StopSignals {
  readonly first: Promise<string>;
  /** Requests a graceful stop, as the first signal does. */
  readonly stop: (reason: string) => void;
  /** Called before the second signal ends the process. */
  onSecond: (signal: string) => void = () => undefined;
  /** Called at the first signal if stop() was called before. */
  onFirstLate: (signal: string) => void = () => undefined;

  constructor(destination: LogDestination) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.first = promise;
    let isStopping = false;
    this.stop = (reason) => {
      isStopping = true;
      resolve(reason);
    };
    let count = 0;
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => {
        count++;
        if (count === 1) {
          if (isStopping) this.onFirstLate(signal);
          else this.stop(signal);
          return;
        }
        this.onSecond(signal);
        destination.flushSync();
        process.exit(1);
      });
    }
  }
}
