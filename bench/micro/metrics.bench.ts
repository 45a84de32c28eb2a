// Measures the cost of counting one finished exchange, for a client that repeats its header block and for one that never does, and
// the cost of a scrape. Prints one JSON line.

import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import { ExchangeMetrics } from '../../src/observability/exchange-metrics.ts';
import { renderMetrics } from '../../src/observability/metrics-text.ts';

const recordsPerRound = 20_000;
const rounds = 200;
const routes = 20;

const nothing = { requestBytes: 0, responseBytes: 0, requestMessages: 0, responseMessages: 0 };

function subjectOf(route: number): ExchangeSubject {
  return {
    listener: 'public',
    client: '192.0.2.17:50412',
    clientKey: '',
    clientAddress: '',
    namesOtherClients: false,
    tls: 'TLSv1.3',
    authority: 'grpc.example.com',
    method: '/helloworld.Greeter/SayHello',
    route: `greeter-${route}`,
    upstream: 'greeter',
    kept: [],
  };
}

/** @returns a record whose numbers vary from call to call */
function recordOf(call: number, subject: ExchangeSubject): ExchangeRecord {
  return {
    subject,
    number: call,
    endpoint: '10.0.0.11:50051',
    grpcStatus: call % 50 === 0 ? 'UNAVAILABLE' : 'OK',
    httpStatus: 200,
    startedAtEpochMs: 1_750_000_000_000 + call,
    durationMs: 0.4 + (call % 1000) / 100,
    requestBytes: 69 + (call % 5000),
    responseBytes: 2048 + (call % 100_000),
    requestMessages: 1,
    responseMessages: 1 + (call % 20),
    attempts: 1,
    endedBy: 'upstream',
    reason: '',
    requestId: call,
  };
}

/** @returns the median of the rounds, so that a disturbed round does not count */
function nanosecondsPerRecord(records: readonly ExchangeRecord[], prepare: () => void): number {
  const measured: number[] = [];
  for (let round = 0; round < rounds; round++) {
    prepare();
    const start = process.hrtime.bigint();
    for (const record of records) metrics.onFinish(record);
    measured.push(Number(process.hrtime.bigint() - start) / records.length);
  }
  return Math.round(measured.toSorted((left, right) => left - right)[rounds / 2] * 10) / 10;
}

const metrics = new ExchangeMetrics();
const subjects = Array.from({ length: routes * 5 }, (_, index) => subjectOf(index % routes));
const repeated = Array.from({ length: recordsPerRound }, (_, call) =>
  recordOf(call, subjects[call % subjects.length]),
);
const fresh = Array.from({ length: recordsPerRound }, (_, call) => recordOf(call, subjectOf(call % routes)));

const repeatedNs = nanosecondsPerRecord(repeated, () => undefined);
const freshNs = nanosecondsPerRecord(fresh, () => {
  for (const { subject } of fresh) subject.kept.length = 0;
});

await renderMetrics(metrics.families(nothing));
const scrapeStart = process.hrtime.bigint();
const text = await renderMetrics(metrics.families(nothing));
const scrapeMs = Number(process.hrtime.bigint() - scrapeStart) / 1e6;

console.log(
  JSON.stringify({
    benchmark: 'metrics',
    unit: 'ns per exchange',
    sameHeaderBlock: repeatedNs,
    anotherHeaderBlockEachTime: freshNs,
    scrapeOfTwentyRoutesMs: Math.round(scrapeMs * 10) / 10,
    scrapeBytes: text.length,
  }),
);
