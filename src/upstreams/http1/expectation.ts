// A client that holds its body back until the service sends 100 (Continue), RFC 9110 section 10.1.1. The service is asked, but if
// it never sends 100, the client does not wait forever.

/** How long to wait for the service. curl waits as long by itself. */
const PATIENCE_MS = 1000;

export class Expectation {
  readonly #say: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isSettled = false;

  /** @param say tells the client to continue, in place of the service; may not throw */
  constructor(say: () => void) {
    this.#say = say;
  }

  /** Starts the wait: the service has the head of the request. */
  start(): void {
    if (this.#isSettled) return;
    this.#timer = setTimeout(() => {
      if (this.settle()) this.#say();
    }, PATIENCE_MS);
  }

  /**
   * Ends the wait: the service has answered, the body is being sent, or the request is over. May be called again.
   * @returns whether the client was still waiting
   */
  settle(): boolean {
    clearTimeout(this.#timer);
    if (this.#isSettled) return false;
    this.#isSettled = true;
    return true;
  }
}
