// The latest update of each upstream, for workers that start later.

interface Update {
  readonly upstream: string;
  /** Empty if there is nothing to say of the upstream any more. */
  readonly endpoints: readonly unknown[];
}

export class LatestUpdates<Of extends Update> {
  readonly #updates = new Map<string, Of>();

  note(update: Of): void {
    if (update.endpoints.length === 0) this.#updates.delete(update.upstream);
    else this.#updates.set(update.upstream, update);
  }

  get all(): readonly Of[] {
    return [...this.#updates.values()];
  }
}
