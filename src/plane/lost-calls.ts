// Adds up the calls that an endpoint has lost. When a service fails, all of its connections end within moments. One
// line with the number of calls is then better than a line for each connection.

/** How long after the first loss others of the same endpoint are counted with it. */
const BURST_MS = 1000;

export interface Loss {
  readonly upstream: string;
  readonly endpoint: string;
  /** How many calls ended. */
  readonly calls: number;
  /** How many of them are sent again. */
  readonly sentAgain: number;
  readonly reason: string;
  /** The token and code of the diagnosis, where there is one. */
  readonly diagnosis?: { readonly token: string; readonly code: string };
}

interface Burst {
  readonly loss: Loss;
  readonly timer: NodeJS.Timeout;
}

export class LostCalls {
  readonly #bursts = new Map<string, Burst>();
  readonly #tell: (loss: Loss) => void;

  /** @param tell is told each burst once, with all calls of it and its first reason */
  constructor(tell: (loss: Loss) => void) {
    this.#tell = tell;
  }

  add(loss: Loss): void {
    const key = `${loss.upstream} ${loss.endpoint}`;
    const begun = this.#bursts.get(key);
    if (begun !== undefined) {
      const calls = begun.loss.calls + loss.calls;
      const sentAgain = begun.loss.sentAgain + loss.sentAgain;
      this.#bursts.set(key, { ...begun, loss: { ...begun.loss, calls, sentAgain } });
      return;
    }
    const timer = setTimeout(() => this.#end(key), BURST_MS).unref();
    this.#bursts.set(key, { loss, timer });
  }

  #end(key: string): void {
    const burst = this.#bursts.get(key);
    if (burst === undefined) return;
    clearTimeout(burst.timer);
    this.#bursts.delete(key);
    this.#tell(burst.loss);
  }

  /** Tells what is still being counted. */
  close(): void {
    for (const key of this.#bursts.keys()) this.#end(key);
  }
}
