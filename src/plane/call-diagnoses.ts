// Records exchanges that the proxy ended itself as diagnoses, together with the diagnoses of listeners and endpoints.

import type { ExchangeRecord } from '../calls/exchange-record.ts';
import type { ExchangeObserver } from '../calls/observers.ts';
import { diagnosisCode } from '../diagnosis/codes.ts';
import { makeRefusal } from '../listeners/refusal.ts';
import type { DiagnosisRing } from '../observability/diagnosis-ring.ts';
import type { Metrics } from '../observability/metrics.ts';
import { type ProcessLog, withoutPort } from './process-log.ts';

/** Faults of an endpoint that only a call reveals. */
const FOUND_BY_CALLS = new Set(['upstream_not_http1', 'upstream_response_invalid', 'upstream_died']);

/** Responses that the proxy gives in place of the service although nothing is wrong. They do not count as failures. */
const ANSWERS = new Set(['cors_preflight', 'route_responds', 'route_redirects']);

export class CallDiagnoses implements ExchangeObserver {
  readonly #log: ProcessLog;
  readonly #ring: DiagnosisRing;
  readonly #metrics: Metrics;

  constructor(log: ProcessLog, ring: DiagnosisRing, metrics: Metrics) {
    this.#log = log;
    this.#ring = ring;
    this.#metrics = metrics;
  }

  onFinish(record: ExchangeRecord): void {
    if (record.endedBy === 'framegate' && record.reason !== '') this.#diagnose(record);
  }

  #diagnose({ subject, reason, endpoint, trace }: ExchangeRecord): void {
    const colonAt = reason.indexOf(': ');
    const token = reason.slice(0, colonAt);
    const { listener, client, upstream } = subject;
    if (!ANSWERS.has(token)) this.#metrics.events.failed(token);
    if (token === 'grpc_web_origin_refused') {
      this.#log.refused(makeRefusal(listener, client, token));
      return;
    }
    const code = diagnosisCode(token);
    const sentence = reason.slice(colonAt + 2);
    // Only faults of endpoints whose connection was good: a connection that fails is reported when it fails, not once for each call.
    if (FOUND_BY_CALLS.has(token)) this.#log.upstreamFailed(upstream, endpoint, { token, sentence });
    else if (code.startsWith('FG3'))
      this.#ring.record(
        { code, token, sentence, listener, client, upstream, endpoint, traceId: trace?.traceId },
        withoutPort(client),
      );
  }
}
