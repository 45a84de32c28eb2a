// Applies the results of health checks, which the control process sends, to the endpoints of this process.

import type { HealthUpdate } from '../config/health-update.ts';
import type { CallTarget } from '../relay/snapshot.ts';
import type { Endpoint } from '../upstreams/endpoint.ts';
import type { BuiltUpstream } from './build-snapshot.ts';

export class UpstreamHealth {
  readonly #updates = new Map<string, HealthUpdate>();
  /** How many recoveries of each endpoint are known. */
  readonly #recoveries = new WeakMap<Endpoint, number>();

  note(update: HealthUpdate): void {
    if (update.endpoints.length === 0) this.#updates.delete(update.upstream);
    else this.#updates.set(update.upstream, update);
  }

  /** Must be called whenever an upstream has other endpoints, too. */
  applyTo(name: string, { upstream }: Pick<BuiltUpstream, 'upstream'>): void {
    upstream.atOnce(() => this.#apply(name, upstream));
  }

  #apply(name: string, upstream: CallTarget): void {
    const update = this.#updates.get(name);
    const byAddress = new Map(update?.endpoints.map((one) => [one.address, one]));
    for (const endpoint of upstream.endpoints) {
      const { reason, recoveries = 0 } = byAddress.get(endpoint.address.text) ?? {};
      // What was known before the endpoint was made says nothing new of it.
      const before = this.#recoveries.get(endpoint) ?? recoveries;
      this.#recoveries.set(endpoint, recoveries);
      if (recoveries > before) endpoint.noteRecovery();
      if (reason === undefined) endpoint.readmit('health');
      else if (endpoint.exclusionBy('health')?.sentence !== reason.sentence)
        endpoint.exclude('health', reason);
    }
  }
}
