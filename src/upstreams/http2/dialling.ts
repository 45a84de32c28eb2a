// One connection that is being opened. If the first packets are lost, the kernel repeats them only after 1, 3, 7 and 15 seconds, so
// an endpoint that is back would wait for the next of these moments. Therefore another connection is dialled beside the first, and again
// each second, until one of the two is established. The first stays, because its answer may just be slow.

import type { UpstreamConnection } from './upstream-connection.ts';

/** As long as a kernel waits for the answer to the first packet. */
const ANEW_EACH_MS = 1000;

export class Dialling {
  readonly #first: UpstreamConnection;
  readonly #make: () => UpstreamConnection;
  #beside: UpstreamConnection | undefined = undefined;
  #timer: NodeJS.Timeout;

  /** @param make dials; its connections tell their owner what becomes of them, and the first ends when its time is over */
  constructor(make: () => UpstreamConnection) {
    this.#make = make;
    this.#first = make();
    this.#timer = setTimeout(this.#onTimer, ANEW_EACH_MS).unref();
  }

  /** Whether this is one of the connections. Those that were replaced are not any more, and their end does not matter. */
  includes(connection: UpstreamConnection): boolean {
    return connection === this.#first || connection === this.#beside;
  }

  readonly #onTimer = (): void => this.#first.contain(() => this.#dialAnew());

  #dialAnew(): void {
    if (this.#first.isReached || this.#beside?.isReached === true) return;
    if (!this.#first.isLookedUp) {
      const before = this.#beside;
      this.#beside = undefined;
      before?.destroy('it is dialled anew');
      this.#beside = this.#make();
    }
    this.#timer = setTimeout(this.#onTimer, ANEW_EACH_MS).unref();
  }

  /** Ends dialling, with all connections but the one that is kept. */
  end(reason: string, kept?: UpstreamConnection): void {
    clearTimeout(this.#timer);
    const beside = this.#beside;
    this.#beside = undefined;
    if (this.#first !== kept) this.#first.destroy(reason);
    if (beside !== undefined && beside !== kept) beside.destroy(reason);
  }
}
