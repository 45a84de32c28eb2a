// All that the control process asks for beside the calls: the health and the load of endpoints, the keys of issuers, and leases of stores.

import type { Change } from '../config/change.ts';
import type { Config } from '../config/config.ts';
import type { KnownEndpoints } from '../config/endpoint-update.ts';
import type { EndpointState } from '../config/upstream-config.ts';
import { DiagnosisRing } from '../observability/diagnosis-ring.ts';
import type { Logger } from '../observability/logger.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import type { Plane } from '../plane/plane.ts';
import { Diagnoses } from './diagnoses.ts';
import type { KeyReport } from './followed-keys.ts';
import { type HealthReport, HealthWatch } from './health-watch.ts';
import { KeyWatch } from './key-watch.ts';
import { type StoreReport, StoreWatch } from './store-watch.ts';
import { type LoadReported, WeightWatch } from './weight-watch.ts';

export class Watches {
  /** Of all processes. */
  readonly diagnoses: Diagnoses;
  readonly #health: HealthWatch;
  readonly #weights: WeightWatch;
  readonly #keys: KeyWatch;
  readonly #stores: StoreWatch;

  /** @param plane is told what was found, and says which keys it lacks */
  constructor(
    plane: Pick<
      Plane,
      | 'updateHealth'
      | 'updateWeights'
      | 'updateKeys'
      | 'watchWantedKeys'
      | 'updateStore'
      | 'watchLeaseAsks'
      | 'carriers'
      | 'diagnoses'
    >,
    logger: Logger,
  ) {
    this.#health = new HealthWatch({ publish: (update) => plane.updateHealth(update), logger });
    this.#weights = new WeightWatch({ publish: (update) => plane.updateWeights(update), logger });
    this.#keys = new KeyWatch({ publish: (update) => plane.updateKeys(update), logger });
    plane.watchWantedKeys((source) => this.#keys.lookAgain(source));
    const found = new DiagnosisRing();
    this.diagnoses = new Diagnoses(plane, found);
    this.#stores = new StoreWatch({
      publish: (state) => plane.updateStore(state),
      logger,
      diagnoses: found,
      carriers: () => plane.carriers,
    });
    plane.watchLeaseAsks((ask, answer) => this.#stores.ask(ask, answer));
  }

  /** Reads the secrets of stores. Rejects with UnusableConfig if that fails. */
  prepareStores({ stores }: Config): Promise<Change> {
    return this.#stores.prepare(stores);
  }

  /** Follows a configuration that was put to use. @param known returns the endpoints that sources have named */
  use(config: Config, known: () => KnownEndpoints): void {
    this.#health.use(config, known);
    this.#weights.use(config, known);
    this.#keys.use(config);
  }

  endpointsChanged(upstream: string, endpoints: readonly EndpointState[]): void {
    this.#health.endpointsChanged(upstream, endpoints);
    this.#weights.endpointsChanged(upstream, endpoints);
  }

  /** The TLS files of an upstream have changed. */
  renewTls(upstream: string): void {
    this.#health.renewTls(upstream);
    this.#weights.renewTls(upstream);
  }

  healthOf(upstream: string): ReadonlyMap<string, HealthReport> {
    return this.#health.reportOf(upstream);
  }

  /** Undefined if the weights of the upstream do not come from load reports. */
  loadOf(upstream: string): ReadonlyMap<string, LoadReported> | undefined {
    return this.#weights.reportOf(upstream);
  }

  get keys(): readonly KeyReport[] {
    return this.#keys.report;
  }

  get stores(): readonly StoreReport[] {
    return this.#stores.report;
  }

  get metrics(): MetricsSnapshot {
    return [
      ...this.#health.metrics,
      ...this.#weights.metrics,
      ...this.#keys.metrics,
      ...this.#stores.metrics,
    ];
  }

  close(): void {
    this.#health.close();
    this.#weights.close();
    this.#keys.close();
    void this.#stores.close();
  }
}
