// Counts what went wrong during a load, by sentence.

export class Problems {
  readonly #counts = new Map<string, number>();

  add(sentence: string): void {
    this.#counts.set(sentence, (this.#counts.get(sentence) ?? 0) + 1);
  }

  sentences(): readonly string[] {
    return Array.from(this.#counts, ([sentence, count]) => `${count} times: ${sentence}`);
  }
}
