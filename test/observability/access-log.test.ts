// The access log's hand-written records against what pino prints for the same object.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import pino from 'pino';
import { AccessLog } from '../../src/observability/access-log.ts';
import { boundedText, textOfOctets } from '../../src/observability/json-text.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger, type Logger } from '../../src/observability/logger.ts';
import type { ExchangeRecord, ExchangeSubject } from '../../src/relay/exchange-record.ts';
import { RequestIds } from '../../src/relay/request-id.ts';
import { LogReader } from './log-reader.ts';

const requestIds = new RequestIds();

interface Fixture {
  readonly accessLog: AccessLog;
  readonly logger: Logger;
  readonly lines: () => string[];
}

function open(): Fixture {
  const reader = new LogReader();
  const destination = new LogDestination({ fd: reader.fd });
  const logger = createLogger({ level: 'info', syslogPrefix: false }, destination);
  const lines = (): string[] => {
    do destination.flush();
    while (reader.read() > 0 || destination.pendingBytes > 0);
    return reader.lines();
  };
  return { accessLog: new AccessLog({ destination, logger, requestIds }), logger, lines };
}

const subject: ExchangeSubject = {
  listener: 'public',
  client: '192.0.2.17:50412',
  tls: 'TLSv1.3',
  authority: 'grpc.example.com',
  method: '/helloworld.Greeter/SayHello',
  route: 'greeter',
  upstream: 'greeter',
  rendered: undefined,
};

const ordinary: ExchangeRecord = {
  subject,
  endpoint: '10.0.0.11:50051',
  grpcStatus: 'OK',
  httpStatus: 200,
  startedAtEpochMs: 1_750_000_000_123,
  durationMs: 1.25,
  requestBytes: 69,
  responseBytes: 2048,
  requestMessages: 1,
  responseMessages: 20,
  attempts: 1,
  endedBy: 'upstream',
  reason: '',
  requestId: 7,
};

/** What pino prints for this record. */
function pinoLine(record: ExchangeRecord): string {
  let line = '';
  const time = Math.floor(record.startedAtEpochMs + record.durationMs);
  const logger = pino({ timestamp: () => `,"time":${time}` }, { write: (text: string) => (line = text) });
  const { requestId } = record;
  logger.info(
    {
      listener: boundedText(record.subject.listener),
      client: boundedText(record.subject.client),
      tls: boundedText(record.subject.tls),
      authority: textOfOctets(record.subject.authority),
      method: textOfOctets(record.subject.method),
      route: boundedText(record.subject.route),
      upstream: boundedText(record.subject.upstream),
      endpoint: boundedText(record.endpoint),
      grpcStatus: textOfOctets(record.grpcStatus),
      httpStatus: record.httpStatus,
      durationMs: Math.round(record.durationMs * 1000) / 1000,
      requestBytes: record.requestBytes,
      responseBytes: record.responseBytes,
      requestMessages: record.requestMessages,
      responseMessages: record.responseMessages,
      attempts: record.attempts,
      endedBy: record.endedBy,
      reason: textOfOctets(record.reason),
      requestId: typeof requestId === 'number' ? requestIds.text(requestId) : textOfOctets(requestId),
    },
    'exchange finished',
  );
  return line;
}

const octets = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text, 'utf8').toString('latin1')),
  fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.constantFrom(
    '"',
    '\\',
    '\u0000\n\r\t\u001b',
    '\u2028',
    '"}\n{"level":60,"msg":"forged',
    'a'.repeat(1025),
  ),
);
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', 'a'.repeat(5000), '\ud800'),
);

const anySubject: fc.Arbitrary<ExchangeSubject> = fc.record({
  listener: text,
  client: text,
  tls: fc.constantFrom('', 'TLSv1.2', 'TLSv1.3'),
  authority: octets,
  method: octets,
  route: text,
  upstream: text,
  rendered: fc.constant(undefined),
});

const anyRecord: fc.Arbitrary<ExchangeRecord> = fc.record({
  subject: anySubject,
  endpoint: text,
  grpcStatus: fc.oneof(fc.constantFrom('', 'OK', 'UNAVAILABLE'), octets),
  httpStatus: fc.oneof(fc.constantFrom(0, 200), fc.integer({ min: 100, max: 599 })),
  startedAtEpochMs: fc.integer({ min: 1_000_000_000_000, max: 9_000_000_000_000 }),
  durationMs: fc.nat(2 ** 31 - 1).map((microseconds) => microseconds / 1000),
  requestBytes: fc.maxSafeNat(),
  responseBytes: fc.maxSafeNat(),
  requestMessages: fc.nat(),
  responseMessages: fc.nat(20),
  attempts: fc.nat(5),
  endedBy: fc.constantFrom('downstream', 'upstream', 'framegate'),
  reason: fc.oneof(fc.constant(''), octets),
  requestId: fc.oneof(fc.nat(), octets),
});

describe('a record of the access log', () => {
  test('has the documented fields and no others', () => {
    const { accessLog, lines } = open();
    accessLog.onExchangeFinished(ordinary);
    const [line] = lines();
    const fields = Object.keys(JSON.parse(line));
    const documented =
      'level time pid hostname listener client tls authority method route upstream endpoint grpcStatus httpStatus ' +
      'durationMs requestBytes responseBytes requestMessages responseMessages attempts endedBy reason requestId msg';
    assert.deepEqual(fields, documented.split(' '));
    assert.equal(JSON.parse(line).time, 1_750_000_000_124);
  });

  test('is what pino prints, for anything a client may send', () => {
    const { accessLog, lines } = open();
    let count = 0;
    fc.assert(
      fc.property(anyRecord, (record) => {
        accessLog.onExchangeFinished(record);
        // Again, from what is memoised now.
        accessLog.onExchangeFinished(record);
        count += 2;
        const written = lines();
        assert.equal(written.length, count);
        const expected: unknown = JSON.parse(pinoLine(record));
        assert.deepEqual(JSON.parse(written[count - 2]), expected);
        assert.equal(written[count - 1], written[count - 2]);
      }),
      { numRuns: 300 },
    );
  });

  test('keeps the subject and follows what changes beside it', () => {
    const { accessLog, lines } = open();
    const own = { ...subject };
    const records: ExchangeRecord[] = [
      { ...ordinary, subject: own },
      { ...ordinary, subject: own, endpoint: '10.0.0.12:50051', requestId: 8 },
      {
        ...ordinary,
        subject: own,
        grpcStatus: 'UNAVAILABLE',
        startedAtEpochMs: ordinary.startedAtEpochMs + 5000,
      },
      { ...ordinary, subject: own, endedBy: 'framegate', reason: 'no_endpoint: the upstream has none' },
    ];
    for (const record of records) accessLog.onExchangeFinished(record);
    assert.deepEqual(
      lines().map((line): unknown => JSON.parse(line)),
      records.map((record): unknown => JSON.parse(pinoLine(record))),
    );
    assert.ok(own.rendered !== undefined);
  });

  test('stays a record where the numbers are no numbers', () => {
    const { accessLog, lines } = open();
    accessLog.onExchangeFinished({ ...ordinary, durationMs: Number.NaN, requestBytes: -1, attempts: 0.5 });
    const { time, durationMs, requestBytes, attempts } = JSON.parse(lines()[0]);
    assert.deepEqual([typeof time, durationMs, requestBytes, attempts], ['number', 0, 0, 0]);
  });

  test('begins with the priority of information where asked for, and is otherwise the same', () => {
    const { accessLog, lines } = open();
    accessLog.onExchangeFinished(ordinary);
    accessLog.useSyslogPrefix(true);
    accessLog.onExchangeFinished(ordinary);
    accessLog.useSyslogPrefix(false);
    accessLog.onExchangeFinished(ordinary);
    const written = lines();
    const plain = written[0].length;
    assert.deepEqual(
      written.map((line) => [line.slice(0, 4), line.length]),
      [
        ['{"le', plain],
        ['<6>{', plain + 3],
        ['{"le', plain],
      ],
    );
    assert.equal(written[1].slice(3), written[0]);
  });

  test('is written while the level is info or below', () => {
    const { accessLog, logger, lines } = open();
    for (const level of ['warn', 'info', 'silent', 'trace'] as const) {
      logger.level = level;
      accessLog.onExchangeFinished({ ...ordinary, endpoint: level });
    }
    assert.deepEqual(
      lines().map((line) => String(JSON.parse(line).endpoint)),
      ['info', 'trace'],
    );
  });

  test('stands among the lines of the logger in the order of writing', () => {
    const { accessLog, logger, lines } = open();
    const expected: string[] = [];
    for (let index = 0; index < 1500; index += 1) {
      logger[index % 100 === 0 ? 'error' : 'info']({}, `line ${index}`);
      accessLog.onExchangeFinished({ ...ordinary, endpoint: `record ${index % 50}` });
      expected.push(`line ${index}`, `record ${index % 50}`);
    }
    const seen = lines().map((line): string => {
      const { endpoint, msg } = JSON.parse(line);
      return String(endpoint ?? msg);
    });
    assert.deepEqual(seen, expected);
  });
});
