// The access log's hand-written records against what pino prints for the same object.

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { AccessLog } from '../../src/observability/access-log.ts';
import { textOfBytes } from '../../src/observability/json-text.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger, type Logger } from '../../src/observability/logger.ts';
import { LogReader } from './log-reader.ts';

/** What a terminal or a reader of lines would obey. */
const MISCHIEF = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

const requestIds = new RequestIds();

interface Fixture {
  readonly accessLog: AccessLog;
  readonly logger: Logger;
  readonly lines: () => string[];
}

function open(random?: () => number): Fixture {
  const reader = new LogReader();
  const destination = new LogDestination({ fd: reader.fd });
  const logger = createLogger({ level: 'info', syslogPrefix: false }, destination);
  const lines = (): string[] => {
    do destination.flush();
    while (reader.read() > 0 || destination.pendingBytes > 0);
    return reader.lines();
  };
  const options = { destination, logger, requestIds, ...(random && { random }) };
  return { accessLog: new AccessLog(options), logger, lines };
}

const subject: ExchangeSubject = {
  listener: 'public',
  client: '192.0.2.17:50412',
  clientKey: '192.0.2.17',
  clientAddress: '192.0.2.17',
  namesOtherClients: false,
  tls: 'TLSv1.3',
  authority: 'grpc.example.com',
  method: '/helloworld.Greeter/SayHello',
  route: 'greeter',
  upstream: 'greeter',
  kept: [],
};

function subjectOf(client: string, clientKey = client.replace(/:\d+$/, '')): ExchangeSubject {
  return { ...subject, client, clientKey, kept: [] };
}

const ordinary: ExchangeRecord = {
  subject,
  number: 1,
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

/** What the fields would be if they had all the room in the world. */
function wholeFields({ subject: of, ...record }: ExchangeRecord): Readonly<Record<string, unknown>> {
  const { requestId, durationMs, startedAtEpochMs, reason } = record;
  const named = of.method.slice(0, 256);
  return {
    level: 30,
    time: Math.floor(startedAtEpochMs + durationMs),
    pid: process.pid,
    hostname: hostname(),
    listener: of.listener,
    client: of.client,
    tls: of.tls,
    authority: textOfBytes(of.authority),
    method: textOfBytes(of.method),
    route: of.route,
    upstream: of.upstream,
    endpoint: record.endpoint,
    grpcStatus: textOfBytes(record.grpcStatus),
    httpStatus: record.httpStatus,
    durationMs: Math.round(durationMs * 1000) / 1000,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    requestMessages: record.requestMessages,
    responseMessages: record.responseMessages,
    attempts: record.attempts,
    endedBy: record.endedBy,
    reason: textOfBytes(named.length < 8 ? reason : reason.replace(named, 'this path')),
    requestId: typeof requestId === 'number' ? requestIds.text(requestId) : textOfBytes(requestId),
    msg: 'exchange finished',
  };
}

/** The same, or the beginning of it and an ellipsis. */
function isOrBegins(written: unknown, whole: unknown): boolean {
  if (written === whole) return true;
  if (typeof written !== 'string' || typeof whole !== 'string' || !written.endsWith('…')) return false;
  const kept = written.slice(0, -1);
  return whole.toWellFormed().startsWith(kept.toWellFormed());
}

function wantFields(line: string, record: ExchangeRecord): void {
  const whole = wholeFields(record);
  const { endpoints = [], ...written }: Readonly<Record<string, unknown>> = JSON.parse(line);
  assert.ok(Array.isArray(endpoints) && (endpoints.length === 0 || record.endpoints !== undefined));
  for (const [index, endpoint] of endpoints.entries())
    assert.ok(isOrBegins(endpoint, record.endpoints?.[index]));
  assert.deepEqual(Object.keys(written).toSorted(), Object.keys(whole).toSorted());
  for (const [name, value] of Object.entries(written))
    assert.ok(isOrBegins(value, whole[name]), `${name}: ${String(value)}, not ${String(whole[name])}`);
}

const byteText = fc.oneof(
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
  clientKey: text,
  clientAddress: text,
  namesOtherClients: fc.boolean(),
  tls: fc.constantFrom('', 'TLSv1.2', 'TLSv1.3'),
  authority: byteText,
  method: byteText,
  route: text,
  upstream: text,
  kept: fc.constant(undefined).map(() => []),
});

const anyRecord: fc.Arbitrary<ExchangeRecord> = fc.record({
  subject: anySubject,
  number: fc.nat(),
  endpoint: text,
  grpcStatus: fc.oneof(fc.constantFrom('', 'OK', 'UNAVAILABLE'), byteText),
  httpStatus: fc.oneof(fc.constantFrom(0, 200), fc.integer({ min: 100, max: 599 })),
  startedAtEpochMs: fc.integer({ min: 1_000_000_000_000, max: 9_000_000_000_000 }),
  durationMs: fc.nat(2 ** 31 - 1).map((microseconds) => microseconds / 1000),
  requestBytes: fc.maxSafeNat(),
  responseBytes: fc.maxSafeNat(),
  requestMessages: fc.nat(),
  responseMessages: fc.nat(20),
  attempts: fc.nat(5),
  endpoints: fc.option(fc.array(text, { minLength: 2, maxLength: 8 }), { nil: undefined }),
  endedBy: fc.constantFrom('downstream', 'upstream', 'framegate'),
  reason: fc.oneof(fc.constant(''), byteText),
  requestId: fc.oneof(fc.nat(), byteText),
});

describe('a record of the access log', () => {
  test('has the documented fields and no others', () => {
    const { accessLog, lines } = open();
    accessLog.onFinish(ordinary);
    const [line] = lines();
    const fields = Object.keys(JSON.parse(line));
    const documented =
      'level time pid hostname listener client tls authority method route upstream endpoint grpcStatus httpStatus ' +
      'durationMs requestBytes responseBytes requestMessages responseMessages attempts endedBy reason requestId msg';
    assert.deepEqual(fields, documented.split(' '));
    assert.equal(JSON.parse(line).time, 1_750_000_000_124);
  });

  test('has a deadline, times of pacing, who blocked the call and a code only where there are', () => {
    const { accessLog, lines } = open();
    const whole = (record: Partial<ExchangeRecord>): string => {
      accessLog.onFinish({ ...ordinary, ...record });
      return lines().at(-1) ?? '';
    };
    const pacedRecord = whole({ requestPacedMs: 8200, responsePacedMs: 3 });
    assert.match(
      pacedRecord,
      /"responseMessages":20,"requestPacedMs":8200,"responsePacedMs":3,"attempts":1,/,
    );
    assert.match(whole({ responsePacedMs: 3 }), /"responseMessages":20,"responsePacedMs":3,"attempts":1,/);
    assert.match(whole({ deadlineMs: 1500.5 }), /"durationMs":1\.250,"deadlineMs":1500,"requestBytes":69,/);
    const reason = 'deadline_exceeded: It passed.';
    assert.match(
      whole({ endedBy: 'framegate', reason, blockedBy: 'service' }),
      /"endedBy":"framegate","blockedBy":"service","code":"FG3005","reason":"deadline_exceeded: It passed\."/,
    );
    assert.match(
      whole({ endedBy: 'downstream', reason: 'The client is gone.', blockedBy: 'client' }),
      /"endedBy":"downstream","blockedBy":"client","reason":/,
    );
    for (const [endedBy, other] of [
      ['upstream', reason],
      ['framegate', 'no_such_token: Nothing.'],
      ['framegate', 'no token'],
    ] as const)
      assert.doesNotMatch(whole({ endedBy, reason: other }), /"code"|"blockedBy"|"deadlineMs"|PacedMs"/);
  });

  test('names the endpoints that were tried, after the number of attempts', () => {
    const { accessLog, lines } = open();
    accessLog.onFinish({ ...ordinary, attempts: 2, endpoints: ['10.0.0.12:50051', '10.0.0.11:50051'] });
    accessLog.onFinish({
      ...ordinary,
      attempts: 8,
      endpoints: Array.from({ length: 8 }, () => 'x'.repeat(50)),
    });
    const [two, many] = lines();
    assert.match(two, /"attempts":2,"endpoints":\["10\.0\.0\.12:50051","10\.0\.0\.11:50051"\],"endedBy"/);
    assert.equal(JSON.parse(many).endpoints.length, 4, 'as many as fit');
  });

  test('has every field or its beginning, is harmless and below 1,200 bytes, whatever a client may send', () => {
    const { accessLog, lines } = open();
    let count = 0;
    fc.assert(
      fc.property(anyRecord, (record) => {
        accessLog.onFinish(record);
        // Again, from what is memoised now.
        accessLog.onFinish(record);
        count += 2;
        const written = lines();
        assert.equal(written.length, count);
        const line = written[count - 2];
        wantFields(line, record);
        assert.ok(Buffer.byteLength(line) < 1200, `${Buffer.byteLength(line)} bytes`);
        assert.doesNotMatch(line, MISCHIEF);
        assert.equal(written[count - 1], line);
      }),
      { numRuns: 300 },
    );
  });

  test('stays below 1,200 bytes where every field is as long and as bad as can be', () => {
    for (const bad of ['\u0001', '"', '\u202e', 'x', '🚀', '\u0085']) {
      const { accessLog, lines } = open();
      const long = bad.repeat(20_000);
      const bytesOfIt = Buffer.from(long).toString('latin1');
      accessLog.useSyslogPrefix(true);
      const record: ExchangeRecord = {
        number: 1,
        subject: {
          listener: long,
          client: long,
          clientKey: long,
          clientAddress: long,
          namesOtherClients: false,
          tls: 'TLSv1.3',
          authority: bytesOfIt,
          method: bytesOfIt,
          route: long,
          upstream: long,
          kept: [],
        },
        endpoint: long,
        grpcStatus: bytesOfIt,
        httpStatus: 999,
        startedAtEpochMs: 9_000_000_000_000,
        durationMs: Number.MAX_SAFE_INTEGER / 1000,
        deadlineMs: Number.MAX_SAFE_INTEGER,
        requestBytes: Number.MAX_SAFE_INTEGER,
        responseBytes: Number.MAX_SAFE_INTEGER,
        requestMessages: Number.MAX_SAFE_INTEGER,
        responseMessages: Number.MAX_SAFE_INTEGER,
        attempts: Number.MAX_SAFE_INTEGER,
        endedBy: 'framegate',
        blockedBy: 'framegate',
        reason: `deadline_exceeded: ${bytesOfIt}`,
        requestId: bytesOfIt,
      };
      accessLog.onFinish(record);
      const paced = { requestPacedMs: Number.MAX_SAFE_INTEGER, responsePacedMs: Number.MAX_SAFE_INTEGER };
      accessLog.onFinish({ ...record, ...paced });
      const [line, pacedLine] = lines();
      assert.ok(Buffer.byteLength(line) < 1200, `${Buffer.byteLength(line)} bytes of ${escape(bad)}`);
      const { blockedBy, code, deadlineMs } = JSON.parse(line.slice(3));
      assert.deepEqual([blockedBy, code, deadlineMs], ['framegate', 'FG3005', Number.MAX_SAFE_INTEGER]);
      assert.ok(Buffer.byteLength(pacedLine) - Buffer.byteLength(line) <= 70, pacedLine);
      const { requestPacedMs, responsePacedMs, reason } = JSON.parse(pacedLine.slice(3));
      assert.deepEqual({ requestPacedMs, responsePacedMs }, paced);
      assert.equal(reason, JSON.parse(line.slice(3)).reason);
    }
  });

  test('has a path once, though the reason names it too', () => {
    const { accessLog, lines } = open();
    const method = `/a.B/${'C'.repeat(300)}`;
    const reason = `no_route: No route of listener "public" matches ${method.slice(0, 256)} (host a).`;
    accessLog.onFinish({
      ...ordinary,
      subject: { ...subject, method, kept: [] },
      endedBy: 'framegate',
      attempts: 0,
      reason,
    });
    const [line] = lines();
    assert.equal(
      JSON.parse(line).reason,
      'no_route: No route of listener "public" matches this path (host a).',
    );
    assert.equal(line.split('/a.B/').length, 2);
  });

  test('is left out and counted where a client has very many calls refused, and never where a service was asked', () => {
    const { accessLog, lines } = open();
    const refused = { ...ordinary, endedBy: 'framegate', attempts: 0, reason: 'no_route: none' } as const;
    for (let port = 0; port < 5000; port++)
      accessLog.onFinish({ ...refused, subject: subjectOf(`192.0.2.1:${port}`) });
    const written = lines().length;
    assert.ok(written >= 500 && written < 2000, `${written} of 5000`);
    for (let count = 0; count < 1000; count++) {
      accessLog.onFinish({ ...ordinary, subject: subjectOf('192.0.2.1:9') });
      accessLog.onFinish({ ...refused, attempts: 1, subject: subjectOf('192.0.2.1:9') });
    }
    for (let count = 0; count < 400; count++)
      accessLog.onFinish({ ...refused, subject: subjectOf('192.0.2.2:9') });
    assert.equal(lines().length, written + 2400, 'neither served ones nor those of others');
    accessLog.close();
    const sum = JSON.parse(lines().at(-1) ?? '');
    assert.deepEqual([sum.client, sum.records + written], ['192.0.2.1', 5000]);
    accessLog.close();
    assert.equal(lines().length, written + 2401, 'told once');
  });

  test('is never left out for what another client behind the same peer does', () => {
    const { accessLog, lines } = open();
    const refused = { ...ordinary, endedBy: 'framegate', attempts: 0, reason: 'no_route: none' } as const;
    for (let count = 0; count < 3000; count++)
      accessLog.onFinish({ ...refused, subject: subjectOf('192.0.2.1:9', '203.0.113.66') });
    const before = lines().length;
    for (const [key, client] of [
      ['198.51.100.7', '192.0.2.1:9'],
      ['', 'unix:'],
    ]) {
      for (let count = 0; count < 400; count++)
        accessLog.onFinish({ ...refused, subject: subjectOf(client, key) });
    }
    assert.equal(lines().length, before + 800);
    accessLog.close();
  });

  test('keeps the subject and follows what changes beside it', () => {
    const { accessLog, lines } = open();
    const own = { ...subject, kept: [] };
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
    for (const record of records) accessLog.onFinish(record);
    const written = lines();
    assert.equal(written.length, records.length);
    for (const [index, record] of records.entries()) wantFields(written[index], record);
    assert.equal(own.kept.length, 1);
  });

  test('stays a record where the numbers are no numbers', () => {
    const { accessLog, lines } = open();
    accessLog.onFinish({ ...ordinary, durationMs: Number.NaN, requestBytes: -1, attempts: 0.5 });
    const { time, durationMs, requestBytes, attempts } = JSON.parse(lines()[0]);
    assert.deepEqual([typeof time, durationMs, requestBytes, attempts], ['number', 0, 0, 0]);
  });

  test('begins with the priority of information where asked for, and is otherwise the same', () => {
    const { accessLog, lines } = open();
    accessLog.onFinish(ordinary);
    accessLog.useSyslogPrefix(true);
    accessLog.onFinish(ordinary);
    accessLog.useSyslogPrefix(false);
    accessLog.onFinish(ordinary);
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

  test('is written for a share of the calls that succeed, and for all others', () => {
    const numbers = [0.05, 0.1, 0.5];
    const random = () => numbers.shift() ?? assert.fail('drawn for a call that did not succeed');
    const { accessLog, lines } = open(random);
    accessLog.useSuccessShare(0.1);
    const page = { ...ordinary, grpcStatus: '' };
    const records: readonly (readonly [written: boolean, record: ExchangeRecord])[] = [
      [true, { ...ordinary, requestId: 'drawn' }],
      [false, { ...ordinary, requestId: 'not drawn' }],
      [false, { ...page, httpStatus: 302, requestId: 'a redirect' }],
      [true, { ...ordinary, grpcStatus: 'NOT_FOUND', requestId: 'an error' }],
      [true, { ...ordinary, grpcStatus: '', httpStatus: 0, requestId: 'no response' }],
      [true, { ...page, httpStatus: 404, requestId: 'an error page' }],
      [true, { ...page, reason: 'upstream_died: a', endedBy: 'framegate', requestId: 'half a page' }],
    ];
    for (const [, record] of records) accessLog.onFinish(record);
    assert.deepEqual(
      lines().map((line) => JSON.parse(line).requestId),
      records.filter(([written]) => written).map(([, { requestId }]) => requestId),
    );
    assert.equal(numbers.length, 0);
  });

  test('is written while the level is info or below', () => {
    const { accessLog, logger, lines } = open();
    for (const level of ['warn', 'info', 'silent', 'trace'] as const) {
      logger.level = level;
      accessLog.onFinish({ ...ordinary, endpoint: level });
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
      accessLog.onFinish({ ...ordinary, endpoint: `record ${index % 50}` });
      expected.push(`line ${index}`, `record ${index % 50}`);
    }
    const seen = lines().map((line): string => {
      const { endpoint, msg } = JSON.parse(line);
      return String(endpoint ?? msg);
    });
    assert.deepEqual(seen, expected);
  });
});
