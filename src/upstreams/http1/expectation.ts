// A client that holds its body back until the service says 100 (Continue), RFC 9110 section 10.1.1. The service is asked, and
// one that never says it does not keep the client waiting.

/** As long as curl waits by itself. */
const PATIENCE_MS = 1000;

export class Expectation {
  readonly #say: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isSettled = false;

  /** @param say tells the client to go on, in place of the service. May not throw. */
  constructor(say: () => void) {
    this.#say = say;
  }

  /** The service has the head of the request. */
  start(): void {
    if (this.#isSettled) return;
    this.#timer = setTimeout(() => {
      if (this.settle()) this.#say();
    }, PATIENCE_MS);
  }

  /**
   * The service has answered, the body is on its way, or nobody waits any more. May be called again.
   * @returns whether the client still waited
   */
  settle(): boolean {
    clearTimeout(this.#timer);
    if (this.#isSettled) return false;
    this.#isSettled = true;
    return true;
  }
}
