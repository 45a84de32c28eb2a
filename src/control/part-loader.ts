// Loads a part of the program that not every proxy needs, once it is wanted. Loading reads files, which can fail for a while, as without a
// free file descriptor: it is tried again until it succeeds.

const AGAIN_IN_MS = 1000;

export interface PartLoaderOptions<Part> {
  readonly load: () => Promise<Part>;
  /** Is called once. What it throws is told to `onFault`. */
  readonly onLoaded: (part: Part) => void;
  /** The first attempt has failed. Others follow, of which nothing is told. */
  readonly onFailed: (error: unknown) => void;
  readonly onFault: (error: unknown) => void;
  /** A shorter time for tests. */
  readonly againInMs?: number | undefined;
}

export class PartLoader<Part> {
  readonly #options: PartLoaderOptions<Part>;
  #isWanted = false;
  #hasFailed = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(options: PartLoaderOptions<Part>) {
    this.#options = options;
  }

  /** Begins to load it, unless that has begun. */
  want(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#try();
  }

  #try(): void {
    this.#load().catch(this.#options.onFault);
  }

  async #load(): Promise<void> {
    let part: Part;
    try {
      part = await this.#options.load();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (!this.#isClosed) this.#options.onLoaded(part);
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#try(), this.#options.againInMs ?? AGAIN_IN_MS).unref();
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.onFailed(error);
  }

  /** Nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
