// Counts attempts at endpoints for the metrics. A count stays as long as the process runs, as Prometheus expects of a counter,
// even if a reload removes the endpoint or the upstream.

import { EndpointCounts } from '../calls/endpoint-counts.ts';
import { counterFamily, labelText, type MetricFamily, type MetricValue } from './metrics-snapshot.ts';

/** Of one upstream. Sources may name others all the time; what is counted must not grow for ever. */
const MOST_ADDRESSES = 10_000;
/** All addresses beyond those. */
const OTHERS = 'other';

interface Counted {
  /** The text of the labels. */
  readonly labels: string;
  readonly counts: EndpointCounts;
}

export class EndpointMetrics {
  /** Keyed by the upstream's name, then by the endpoint's address as configured. */
  readonly #counts = new Map<string, Map<string, Counted>>();

  /** @returns the counts of this endpoint, which continue if the endpoint existed before */
  of(upstream: string, endpoint: string): EndpointCounts {
    let ofUpstream = this.#counts.get(upstream);
    if (ofUpstream === undefined) {
      ofUpstream = new Map();
      this.#counts.set(upstream, ofUpstream);
    }
    const label = this.labelOf(upstream, endpoint);
    let counted = ofUpstream.get(label);
    if (counted === undefined) {
      counted = { labels: labelText({ upstream, endpoint: label }), counts: new EndpointCounts() };
      ofUpstream.set(label, counted);
    }
    return counted.counts;
  }

  /** Under which it is counted: its address, while there is room for one more. */
  labelOf(upstream: string, endpoint: string): string {
    const counts = this.#counts.get(upstream);
    return counts === undefined || counts.has(endpoint) || counts.size < MOST_ADDRESSES ? endpoint : OTHERS;
  }

  /** Makes each family when it is asked for, since an upstream may have thousands of endpoints. */
  *families(): Iterable<MetricFamily> {
    yield counterFamily(
      'framegate_endpoint_attempts_total',
      'Attempts at an endpoint that have ended, by outcome: answered, failed, given_up by the client or by Framegate, lost to a faster attempt, or timed_out.',
      this.#values(({ answered, failed, givenUp, lost, timedOut }) => [
        [OUTCOMES.answered, answered],
        [OUTCOMES.failed, failed],
        [OUTCOMES.givenUp, givenUp],
        ...(lost === 0 ? [] : [[OUTCOMES.lost, lost] as const]),
        ...(timedOut === 0 ? [] : [[OUTCOMES.timedOut, timedOut] as const]),
      ]),
    );
    yield counterFamily(
      'framegate_endpoint_responses_total',
      'Responses of an endpoint that have begun.',
      this.#values(({ responses }) => [['', responses]]),
    );
    yield counterFamily(
      'framegate_endpoint_response_seconds_total',
      'From sending each of these requests to the head of its response, summed.',
      this.#values(({ responseMs }) => [['', responseMs / 1000]]),
    );
    yield counterFamily(
      'framegate_endpoint_ejections_total',
      'How often an endpoint got no calls for a while, since too many of its calls had failed.',
      this.#values(({ ejections }) => [['', ejections]]),
    );
  }

  /** @param of returns the values of an endpoint, each with the text that follows its labels */
  #values(of: (counts: EndpointCounts) => readonly (readonly [string, number])[]): readonly MetricValue[] {
    const values: MetricValue[] = [];
    for (const endpoints of this.#counts.values())
      for (const { labels, counts } of endpoints.values())
        for (const [more, value] of of(counts)) values.push({ labels: labels + more, value });
    return values;
  }
}

const OUTCOMES = {
  answered: ',outcome="answered"',
  failed: ',outcome="failed"',
  givenUp: ',outcome="given_up"',
  lost: ',outcome="lost"',
  timedOut: ',outcome="timed_out"',
} as const;
