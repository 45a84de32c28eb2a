// What the control process has found out and every worker has to know: the health and the weights of endpoints, the public keys of
// issuers, and whether stores of shared limits answer. The newest of each is kept for workers that start later.

import type { HealthUpdate } from '../config/health-update.ts';
import type { AskForLeases, LeaseAsk, StoreState } from '../config/lease-messages.ts';
import type { KeysUpdate } from '../config/public-keys.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import type { Plane } from '../plane/plane.ts';
import { LatestUpdates } from './latest-updates.ts';
import type { StartMessage, WorkerProcess } from './worker-process.ts';

export class SharedKnowledge
  implements
    Pick<
      Plane,
      'updateHealth' | 'updateWeights' | 'updateKeys' | 'watchWantedKeys' | 'updateStore' | 'watchLeaseAsks'
    >
{
  readonly #workers: () => readonly WorkerProcess[];
  readonly #health = new LatestUpdates<HealthUpdate>();
  readonly #weights = new LatestUpdates<WeightUpdate>();
  /** By source. There are a few, and their keys change rarely. */
  readonly #keys = new Map<string, KeysUpdate>();
  /** By name. There are as many as an operator has written since the start. */
  readonly #stores = new Map<string, StoreState>();
  #askForLeases: AskForLeases | undefined = undefined;
  /** A worker needs newer keys of a source. */
  onKeysWanted: (source: string) => void = () => undefined;

  /** @param workers all of them, also those that drain */
  constructor(workers: () => readonly WorkerProcess[]) {
    this.#workers = workers;
  }

  updateHealth(update: HealthUpdate): void {
    this.#health.note(update);
    for (const worker of this.#workers()) worker.health.tell(update);
  }

  updateWeights(update: WeightUpdate): void {
    this.#weights.note(update);
    for (const worker of this.#workers()) worker.weights.tell(update);
  }

  updateKeys(update: KeysUpdate): void {
    if (update.isDropped === true) this.#keys.delete(update.source);
    else this.#keys.set(update.source, update);
    for (const worker of this.#workers()) worker.send({ type: 'keys', update });
  }

  watchWantedKeys(tell: (source: string) => void): void {
    this.onKeysWanted = tell;
  }

  updateStore(state: StoreState): void {
    this.#stores.set(state.store, state);
    for (const worker of this.#workers()) worker.send({ type: 'storeState', state });
  }

  watchLeaseAsks(ask: AskForLeases): void {
    this.#askForLeases = ask;
  }

  /** A worker asks for leases. */
  leasesWanted(worker: WorkerProcess, ask: LeaseAsk): void {
    this.#askForLeases?.(ask, (answer) => worker.send({ type: 'leaseAnswer', answer }));
  }

  /** For a worker that starts. */
  get all(): Pick<StartMessage, 'health' | 'weights' | 'keys' | 'stores'> {
    return {
      health: this.#health.all,
      weights: this.#weights.all,
      keys: [...this.#keys.values()],
      stores: [...this.#stores.values()],
    };
  }
}
