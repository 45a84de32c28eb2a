// Output that goes on for as long as somebody reads it: a slow reader makes the writer wait, and one that leaves ends it.

export class PatientOutput {
  readonly #stream: NodeJS.WriteStream;
  #drained: PromiseWithResolvers<void> | undefined = undefined;
  #isGone = false;

  /** @param onGone is called when nobody reads any more */
  constructor(stream: NodeJS.WriteStream, onGone: () => void) {
    this.#stream = stream;
    const gone = (): void => {
      this.#isGone = true;
      this.#release();
      onGone();
    };
    stream.on('error', gone);
    stream.on('close', gone);
    stream.on('drain', () => this.#release());
  }

  /** @returns undefined, or a promise that resolves when more may be written */
  write(text: string): Promise<void> | undefined {
    if (this.#isGone || this.#stream.write(text)) return undefined;
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  #release(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
