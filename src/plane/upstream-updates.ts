// What the control process tells about the endpoints of upstreams: which there are, and their health and weights. Both are kept, so that
// endpoints that come later have them too.

import type { EndpointUpdate } from '../config/endpoint-update.ts';
import type { HealthUpdate } from '../config/health-update.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import type { BuiltUpstream } from './build-snapshot.ts';
import { UpstreamHealth } from './upstream-health.ts';
import { UpstreamWeights } from './upstream-weights.ts';

export class UpstreamUpdates {
  readonly #health = new UpstreamHealth();
  readonly #weights = new UpstreamWeights();

  /** @param built undefined if the configuration in force does not have this upstream yet */
  updateHealth(update: HealthUpdate, built: BuiltUpstream | undefined): void {
    this.#health.note(update);
    if (built !== undefined) this.#health.applyTo(update.upstream, built);
  }

  /** @param built as above */
  updateWeights(update: WeightUpdate, built: BuiltUpstream | undefined): void {
    this.#weights.note(update);
    if (built !== undefined) this.#weights.applyTo(update.upstream, built);
  }

  /** With what is known of their health and weights, so that no call goes to one that is unhealthy. */
  useEndpoints(
    name: string,
    built: BuiltUpstream,
    { endpoints, whyNone }: Pick<EndpointUpdate, 'endpoints' | 'whyNone'>,
  ): void {
    built.upstream.atOnce(() => {
      built.upstream.use(endpoints, whyNone);
      this.#health.applyTo(name, built);
      this.#weights.applyTo(name, built);
    });
  }
}
