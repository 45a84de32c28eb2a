// Counts the faults that routes inject into calls on purpose (`fault`), by route and kind.

import type { ExchangeRecord } from '../calls/exchange-record.ts';
import type { ExchangeObserver } from '../calls/observers.ts';
import type { RouteConfig } from '../config/route-config.ts';
import { LabelledCounter } from './labelled-counter.ts';
import type { MetricFamily } from './metrics-snapshot.ts';

export class FaultMetrics implements ExchangeObserver {
  readonly #injected = new LabelledCounter(
    'framegate_faults_injected_total',
    'Faults that routes have injected into calls on purpose, by route and kind: delay, abort, reset or throttle.',
    ['route', 'kind'],
  );
  /** Whether a route has injected faults since the start. */
  isUsed = false;

  /** From now on the faults of these routes have a line. */
  use(routes: readonly RouteConfig[]): void {
    for (const { name: route, fault } of routes) {
      if (fault === undefined) continue;
      this.isUsed = true;
      if (fault.delayMs !== undefined) this.#injected.count({ route, kind: 'delay' }, 0);
      if (fault.abort !== undefined) this.#injected.count({ route, kind: 'abort' }, 0);
      if (fault.resetAfter !== undefined) this.#injected.count({ route, kind: 'reset' }, 0);
      if (fault.throttleBytesPerSecond !== undefined) this.#injected.count({ route, kind: 'throttle' }, 0);
    }
  }

  onFinish({ faults, subject: { route } }: ExchangeRecord): void {
    if (faults === undefined) return;
    for (const { kind } of faults) this.#injected.count({ route, kind });
  }

  /** Nothing while no route has injected faults. */
  *families(): Iterable<MetricFamily> {
    if (this.isUsed) yield this.#injected.family;
  }
}
