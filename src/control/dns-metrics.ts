// The metrics of names in DNS whose records are the endpoints of upstreams.

import { counterFamily, gaugeFamily, type MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import type { NameReport } from '../sources/dns/followed-name.ts';

/** @param reports by upstream */
export function dnsMetrics(reports: ReadonlyMap<string, NameReport>): MetricsSnapshot {
  if (reports.size === 0) return [];
  return [
    gaugeFamily(
      'framegate_dns_age_seconds',
      'How long ago DNS last named the endpoints of an upstream. Missing as long as it never has.',
      [...reports].flatMap(([upstream, { ageMs }]) =>
        ageMs === undefined ? [] : [{ labels: { upstream }, value: ageMs / 1000 }],
      ),
      'max',
    ),
    counterFamily(
      'framegate_dns_lookups_total',
      'Questions to DNS for the endpoints of an upstream: answered, or failed, so that the last good answer is kept.',
      [...reports].flatMap(
        ([
          upstream,
          {
            counts: { answered, failed },
          },
        ]) => [
          { labels: { upstream, result: 'answered' }, value: answered },
          { labels: { upstream, result: 'failed' }, value: failed },
        ],
      ),
    ),
  ];
}
