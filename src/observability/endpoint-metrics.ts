// Counts attempts at endpoints for the metrics. A count stays as long as the process runs, as Prometheus expects of a counter,
// even if a reload removes the endpoint or the upstream.

import { EndpointCounts } from '../calls/endpoint-counts.ts';
import { counterFamily, type MetricFamily, type MetricValue } from './metrics-snapshot.ts';

/** Of one upstream. Sources may name others all the time; what is counted must not grow for ever. */
const MOST_ADDRESSES = 10_000;
/** All addresses beyond those. */
const OTHERS = 'other';

export class EndpointMetrics {
  /** Keyed by the upstream's name, then by the endpoint's address as configured. */
  readonly #counts = new Map<string, Map<string, EndpointCounts>>();

  /** @returns the counts of this endpoint, which continue if the endpoint existed before */
  of(upstream: string, endpoint: string): EndpointCounts {
    let ofUpstream = this.#counts.get(upstream);
    if (ofUpstream === undefined) {
      ofUpstream = new Map();
      this.#counts.set(upstream, ofUpstream);
    }
    const label = this.labelOf(upstream, endpoint);
    let counts = ofUpstream.get(label);
    if (counts === undefined) {
      counts = new EndpointCounts();
      ofUpstream.set(label, counts);
    }
    return counts;
  }

  /** Under which it is counted: its address, while there is room for one more. */
  labelOf(upstream: string, endpoint: string): string {
    const counts = this.#counts.get(upstream);
    return counts === undefined || counts.has(endpoint) || counts.size < MOST_ADDRESSES ? endpoint : OTHERS;
  }

  get families(): readonly MetricFamily[] {
    return [
      counterFamily(
        'framegate_endpoint_attempts_total',
        'Attempts at an endpoint that have ended, by outcome: answered, failed, given_up by the client or by Framegate, or lost to a faster attempt.',
        this.#values(({ answered, failed, givenUp, lost }) => [
          [{ outcome: 'answered' }, answered],
          [{ outcome: 'failed' }, failed],
          [{ outcome: 'given_up' }, givenUp],
          ...(lost === 0 ? [] : [[{ outcome: 'lost' }, lost] as const]),
        ]),
      ),
      counterFamily(
        'framegate_endpoint_responses_total',
        'Responses of an endpoint that have begun.',
        this.#values(({ responses }) => [[{}, responses]]),
      ),
      counterFamily(
        'framegate_endpoint_response_seconds_total',
        'From sending each of these requests to the head of its response, summed.',
        this.#values(({ responseMs }) => [[{}, responseMs / 1000]]),
      ),
      counterFamily(
        'framegate_endpoint_ejections_total',
        'How often an endpoint got no calls for a while, since too many of its calls had failed.',
        this.#values(({ ejections }) => [[{}, ejections]]),
      ),
    ];
  }

  #values(
    of: (counts: EndpointCounts) => readonly (readonly [MetricValue['labels'], number])[],
  ): readonly MetricValue[] {
    return [...this.#counts].flatMap(([upstream, endpoints]) =>
      [...endpoints].flatMap(([endpoint, counts]) =>
        of(counts).map(([more, value]) => ({ labels: { upstream, endpoint, ...more }, value })),
      ),
    );
  }
}
