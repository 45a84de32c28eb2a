// Applies the weights from load reports, which the control process sends, to the endpoints of this process.

import type { WeightUpdate } from '../config/weight-update.ts';
import type { BuiltUpstream } from './build-snapshot.ts';

export class UpstreamWeights {
  readonly #updates = new Map<string, WeightUpdate>();

  note(update: WeightUpdate): void {
    if (update.endpoints.length === 0) this.#updates.delete(update.upstream);
    else this.#updates.set(update.upstream, update);
  }

  /** Must be called whenever an upstream has other endpoints, too. */
  applyTo(name: string, { upstream }: Pick<BuiltUpstream, 'upstream'>): void {
    const update = this.#updates.get(name);
    const byAddress = new Map(update?.endpoints.map(({ address, weight }) => [address, weight]));
    let isChanged = false;
    for (const endpoint of upstream.endpoints) {
      const weight = byAddress.get(endpoint.address.text);
      if (endpoint.reportedWeight === weight) continue;
      endpoint.reportedWeight = weight;
      isChanged = true;
    }
    if (isChanged) upstream.reweigh();
  }
}
