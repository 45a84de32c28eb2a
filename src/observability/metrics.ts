// Everything this process has counted since its start. Neither a reload nor a read resets it.

import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import { EventMetrics, type KnownTokens } from './event-metrics.ts';
import { ExchangeMetrics } from './exchange-metrics.ts';
import type { MetricFamily } from './metrics-snapshot.ts';
import { processMetrics } from './process-metrics.ts';

export class Metrics {
  readonly exchanges = new ExchangeMetrics();
  readonly events: EventMetrics;

  constructor(tokens: KnownTokens) {
    this.events = new EventMetrics(tokens);
  }

  /** @param running what unfinished exchanges have carried so far */
  *families(running: ExchangeTraffic): Iterable<MetricFamily> {
    yield* this.exchanges.families(running);
    yield* this.events.families();
    yield* processMetrics();
  }
}
