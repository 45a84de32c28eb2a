// Exchanges that the proxy ended itself are counted and kept beside the refusals of listeners.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import type { Logger } from '../../src/observability/logger.ts';
import { Metrics } from '../../src/observability/metrics.ts';
import { CallDiagnoses } from '../../src/plane/call-diagnoses.ts';
import { ProcessLog } from '../../src/plane/process-log.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { standIn } from '../support/stand-in.ts';

class Observed {
  readonly warnings: unknown[] = [];
  readonly ring = new DiagnosisRing();
  readonly metrics = new Metrics({ refusals: [], failures: [], faultLayers: [] });
  readonly #diagnoses: CallDiagnoses;

  constructor() {
    const logger = standIn<Logger>({ warn: (fields: unknown) => this.warnings.push(fields), debug() {} });
    const log = new ProcessLog(logger, this.ring, this.metrics.events);
    this.#diagnoses = new CallDiagnoses(log, this.ring, this.metrics);
  }

  ends(reason: string, endedBy: ExchangeRecord['endedBy'] = 'framegate'): void {
    const subject = standIn<ExchangeSubject>({
      listener: 'public',
      client: '192.0.2.1:5000',
      upstream: 'website',
    });
    this.#diagnoses.onFinish(
      standIn<ExchangeRecord>({ subject, endpoint: '127.0.0.1:8081', reason, endedBy }),
    );
  }

  get counts(): Readonly<Record<string, number>> {
    return this.ring.report().counts;
  }
}

test('a call the proxy ended is counted by its code and kept with its sentence; no line but its record is written', () => {
  const observed = new Observed();
  observed.ends('no_route: No route matches: /a.B/C.');
  const [entry] = observed.ring.report().recent;
  assert.equal(entry.code, 'FG3001');
  assert.equal(entry.sentence, 'No route matches: /a.B/C.');
  assert.deepEqual([entry.client, entry.listener, entry.upstream], ['192.0.2.1:5000', 'public', 'website']);
  assert.deepEqual(observed.warnings, []);
});

test('what only the answer of an endpoint shows is told of the endpoint, once a minute', () => {
  for (const [token, code] of [
    ['upstream_not_http1', 'FG2041'],
    ['upstream_response_invalid', 'FG2042'],
    ['upstream_died', 'FG2043'],
  ]) {
    const observed = new Observed();
    observed.ends(`${token}: It did.`);
    observed.ends(`${token}: It did.`);
    assert.deepEqual(observed.warnings, [{ upstream: 'website', endpoint: '127.0.0.1:8081', token, code }]);
    assert.deepEqual(observed.counts, { [code]: 2 });
  }
});

test('a page of a foreign origin is a refused client', () => {
  const observed = new Observed();
  observed.ends('grpc_web_origin_refused: The origin may not.');
  assert.deepEqual(observed.counts, { FG1009: 1 });
  assert.equal(observed.warnings.length, 1);
});

test('what was told when it was found, ordinary ends and ends by others are only passed on', () => {
  const observed = new Observed();
  observed.ends('upstream_connection_refused: Nobody there.');
  observed.ends('plaintext_on_tls_port: Port 8443 speaks TLS.');
  observed.ends('');
  observed.ends('The client reset the call (CANCEL).', 'downstream');
  observed.ends('no_route: said by somebody else', 'upstream');
  assert.deepEqual(observed.counts, {});
});

test('what the proxy ended is counted by its token for the metrics; the answer to a browser is no failure', () => {
  const observed = new Observed();
  observed.ends('no_route: No route matches: /a.B/C.');
  observed.ends('no_route: No route matches: /a.B/D.');
  observed.ends('window_overflow: The client broke a rule of HTTP/2 on this stream.');
  observed.ends('cors_preflight: The browser was told what the page may do.');
  observed.ends('The client reset the call (CANCEL).', 'downstream');
  observed.ends('');
  const failures = [...observed.metrics.events.families()].find(
    ({ name }) => name === 'framegate_failures_total',
  );
  assert.deepEqual(
    valuesOf(failures).map(({ labels, value }) => [labels['token'], value]),
    [
      ['no_route', 2],
      ['window_overflow', 1],
    ],
  );
});
