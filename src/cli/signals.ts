// What signals ask of a running proxy. Node's own way with each of them would be to end the process and cut every call, or
// to open its debugger. The table of them all is in docs/operating.md, and test/integration/signals.test.ts walks it.

import type { LogDestination } from '../observability/log-destination.ts';

/** Ask for an end. SIGQUIT is what images of nginx are stopped with (their STOPSIGNAL). */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
/** Ask for something each time: a reload, log files opened again, other workers. */
const REQUEST_SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** For a worker: signals are the primary's, but a terminal sends them to all processes of a group. */
export function ignoreSignals(): void {
  for (const signal of [...STOP_SIGNALS, ...REQUEST_SIGNALS]) process.on(signal, () => undefined);
}

/** One of those that ask for something each time. */
export class RequestSignal {
  #isWaiting = false;
  #onSignal: (() => void) | undefined = undefined;

  constructor(signal: (typeof REQUEST_SIGNALS)[number]) {
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
  onSecond: (signal: string) => void = () => undefined;
  /** The first signal, where an end was asked for in another way before. */
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
