// Measures the cost of one access-log record: with pino's info() and with the access log. Both write to /dev/null.
// Prints one JSON line.

import { openSync } from 'node:fs';
import pino from 'pino';
import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { AccessLog } from '../../src/observability/access-log.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger } from '../../src/observability/logger.ts';

/** A round must fit into the destination's buffers, because the event loop does not run during a round. */
const recordsPerRound = 4_000;
const rounds = 200;

const subject: ExchangeSubject = {
  listener: 'public',
  client: '192.0.2.17:50412',
  clientKey: '',
  clientAddress: '',
  namesOtherClients: false,
  tls: 'TLSv1.3',
  authority: 'grpc.example.com',
  method: '/helloworld.Greeter/SayHello',
  route: 'greeter',
  upstream: 'greeter',
  kept: [],
};

const requestIds = new RequestIds();
const endpoints = ['10.0.0.11:50051', '10.0.0.12:50051'];

function recordOf(call: number): ExchangeRecord {
  return {
    subject,
    number: call,
    endpoint: endpoints[call % endpoints.length],
    grpcStatus: 'OK',
    httpStatus: 200,
    startedAtEpochMs: 1_750_000_000_000 + call,
    durationMs: 0.75 + (call % 1000) / 1000,
    requestBytes: 69 + (call % 5000),
    responseBytes: 2048 + (call % 100_000),
    requestMessages: 1,
    responseMessages: 1 + (call % 20),
    attempts: 1,
    endedBy: 'upstream',
    reason: '',
    requestId: requestIds.next(),
  };
}

const pinoRequestId = requestIds.text(requestIds.next());
const records = Array.from({ length: recordsPerRound }, (_, call) => recordOf(call));

/** @returns the median of the rounds, so that a disturbed round does not count */
async function nanosecondsPerRecord(
  write: (record: ExchangeRecord) => void,
  settle: () => Promise<void>,
): Promise<number> {
  const measured: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = process.hrtime.bigint();
    for (const record of records) write(record);
    measured.push(Number(process.hrtime.bigint() - start) / recordsPerRound);
    await settle();
  }
  return Math.round(measured.toSorted((left, right) => left - right)[rounds / 2]);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const fd = openSync('/dev/null', 'w');
const pinoLogger = pino(pino.destination({ fd, sync: false, minLength: 8192 }));
const destination = new LogDestination({ fd });
const logger = createLogger({ level: 'info', syslogPrefix: false }, destination);
const accessLog = new AccessLog({ destination, logger, requestIds });

const pinoNs = await nanosecondsPerRecord((record) => {
  pinoLogger.info(
    {
      listener: subject.listener,
      client: subject.client,
      tls: subject.tls,
      authority: subject.authority,
      method: subject.method,
      route: subject.route,
      upstream: subject.upstream,
      endpoint: record.endpoint,
      grpcStatus: record.grpcStatus,
      httpStatus: record.httpStatus,
      durationMs: record.durationMs,
      requestBytes: record.requestBytes,
      responseBytes: record.responseBytes,
      requestMessages: record.requestMessages,
      responseMessages: record.responseMessages,
      attempts: record.attempts,
      endedBy: record.endedBy,
      reason: record.reason,
      requestId: pinoRequestId,
    },
    'exchange finished',
  );
}, turn);
const accessLogNs = await nanosecondsPerRecord(
  (record) => accessLog.onFinish(record),
  async () => {
    destination.flush();
    while (destination.pendingBytes > 0) await turn();
  },
);

console.log(
  JSON.stringify({
    benchmark: 'access-log',
    unit: 'ns per record',
    pinoInfo: pinoNs,
    accessLog: accessLogNs,
    droppedRecords: destination.droppedRecords,
  }),
);
