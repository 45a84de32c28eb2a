// What the admin server counts of itself. It outlives the server, which is replaced when its address changes.

import { counterFamily, type MetricsSnapshot } from '../observability/metrics-snapshot.ts';

/**
 * Why the admin server has closed a connection. room: for a new one, when all were taken. address: for a new one of the same address, which had
 * its share. unread: for its answer, which had waited longest when too many bytes waited. slow: its answer was not taken in time.
 */
export type ClosedFor = 'room' | 'address' | 'unread' | 'slow';

export class AdminCounts {
  readonly #closed: Record<ClosedFor, number> = { room: 0, address: 0, unread: 0, slow: 0 };
  #refused = 0;
  #busy = 0;

  closed(reason: ClosedFor): void {
    this.#closed[reason]++;
  }

  /** A new connection found no room, since nobody could be closed for it. */
  refused(): void {
    this.#refused++;
  }

  /** A question was turned away with 503. */
  busy(): void {
    this.#busy++;
  }

  get metrics(): MetricsSnapshot {
    return [
      counterFamily(
        'framegate_admin_closed_connections_total',
        'Connections that the admin server has closed: to make room for others, or because their client did not read.',
        Object.entries(this.#closed).map(([reason, value]) => ({ labels: { reason }, value })),
      ),
      counterFamily(
        'framegate_admin_turned_away_total',
        'What the admin server has turned away: new connections without a place, and requests that were too many (503).',
        [
          { labels: { kind: 'connection' }, value: this.#refused },
          { labels: { kind: 'request' }, value: this.#busy },
        ],
      ),
    ];
  }
}
