// Writes one record per exchange in pino's format, but by hand: pino takes 5 us for a record, copying bytes and digits less than a
// tenth of that. It must not create a string or an object in the ordinary case, nor let a client's text break a line.

import { hostname } from 'node:os';
import type { EndedBy, ExchangeRecord, ExchangeSubject } from '../calls/exchange-record.ts';
import { faultsText, type InjectedFault } from '../calls/injected-fault.ts';
import { type ExchangeObserver, ObserverSlot } from '../calls/observers.ts';
import type { RequestIds } from '../calls/request-id.ts';
import { shownPath } from '../calls/shown-path.ts';
import { viewOf } from '../calls/trace-ids.ts';
import { causeText, mostBytesOfCause } from './cause-text.ts';
import { mostDigits, writeDecimal, writeMilliseconds, writeThreeDigits } from './decimal-digits.ts';
import { boundedJsonString, textOfBytes } from './json-text.ts';
import type { LogDestination } from './log-destination.ts';
import type { Logger } from './logger.ts';
import { RefusedRecords } from './refused-records.ts';
import { syslogPrefixOf } from './syslog-prefix.ts';

export interface AccessLogOptions {
  readonly destination: LogDestination;
  /** Records have level info; while this logger's level is above info, no record is written. */
  readonly logger: Pick<Logger, 'isLevelEnabled' | 'info'>;
  /** The request ids from which the relay takes its numbers. */
  readonly requestIds: RequestIds;
  /** Returns numbers from 0 to 1, 1 excluded. The default is Math.random. */
  readonly random?: () => number;
}

/** `time` has 13 digits; only the last three are written anew for every record. */
const timeStart = bytesOf('{"level":30,"time":');
const prefixedTimeStart = bytesOf(`${syslogPrefixOf(30)}{"level":30,"time":`);
const timeDigits = 13;
const firstEpochMs = 10 ** (timeDigits - 1);
const endEpochMs = 10 ** timeDigits;
const httpStatusLabel = ',"httpStatus":';
const durationLabel = bytesOf(',"durationMs":');
const deadlineLabel = bytesOf(',"deadlineMs":');
const requestBytesLabel = bytesOf(',"requestBytes":');
const responseBytesLabel = bytesOf(',"responseBytes":');
const requestMessagesLabel = bytesOf(',"requestMessages":');
const responseMessagesLabel = bytesOf(',"responseMessages":');
const requestPacedLabel = bytesOf(',"requestPacedMs":');
const responsePacedLabel = bytesOf(',"responsePacedMs":');
const attemptsLabel = bytesOf(',"attempts":');
const traceIdLabel = bytesOf('","traceId":"');
const traceIdBytes = 32;
const ENDPOINTS_LABEL = ',"endpoints":[';
const recordEnd = bytesOf('","msg":"exchange finished"}\n');
/** The part of the record that all exchanges of a subject share. */
const RENDERED = new ObserverSlot<Buffer>((value): value is Buffer => Buffer.isBuffer(value));

/** Everything after `attempts` except the id, for an exchange that ended without a reason. */
const ordinaryEnds: Readonly<Record<EndedBy, Buffer>> = {
  downstream: bytesOf(endText('downstream', '""')),
  upstream: bytesOf(endText('upstream', '""')),
  framegate: bytesOf(endText('framegate', '""')),
};
/** In addition to the limit of a record: the times for which limits have held back the call. */
const mostBytesOfPaced = requestPacedLabel.length + responsePacedLabel.length + 2 * mostDigits;
/** Room for everything that is not memoised: labels, ten numbers, the ordinary end, an id and a trace id. */
const mostVariableBytes = 512 + 8 * (mostDigits + 4) + mostBytesOfPaced;
/**
 * The maximum size of each field in bytes, quotes and escapes included. With HPACK a request costs a client a few bytes, so it
 * must not cause a record many times as large. A record stays below 1,200 bytes.
 */
const most = {
  record: 1199,
  /** Everything up to and including `upstream`; the method gets what the other fields leave. */
  subject: 620,
  name: 42,
  client: 58,
  tls: 12,
  authority: 102,
  hostname: 66,
  endpoint: 66,
  status: 26,
  reason: 300,
  endpoints: 240,
  requestId: 66,
  /** In addition to the limit of a record. */
  identity: 150,
  /** In addition to the limit of a record. */
  fault: 150,
  dryRun: 180,
} as const;
/** The size of eight numbers with their labels, and of the beginning and the end of a record. */
const mostBytesAround = 360;
/** The number of characters of a path that a reason quotes. */
const MOST_OF_PATH = 256;
/** A shorter path is not replaced, because it could occur in any sentence by chance. */
const shortestRepeatedPath = 8;
/** In place of a field that the record does not have. */
const NOTHING = Buffer.alloc(0);
/** A safety limit: there are few endpoints and statuses. */
const mostMemoised = 4096;

/**
 * The documented fields are written in an order that lets more be copied at once: those that all exchanges of a subject share
 * come first.
 */
export class AccessLog implements ExchangeObserver {
  readonly #destination: LogDestination;
  readonly #logger: Pick<Logger, 'isLevelEnabled'>;
  readonly #requestIds: RequestIds;
  readonly #refused: RefusedRecords;
  readonly #processFields =
    `,"pid":${process.pid},"hostname":${boundedJsonString(hostname(), most.hostname)}`;
  readonly #endpoints = new Map<string, Buffer>();
  readonly #statuses = new Map<string, Buffer>();
  readonly #identities = new Map<string, Buffer>();
  readonly #faults = new Map<string, Buffer>();
  readonly #dryRuns = new Map<string, Buffer>();
  readonly #random: () => number;
  #viewed: Buffer = Buffer.alloc(0);
  #view = viewOf(this.#viewed);
  #successShare = 1;
  /** The beginning of the record with the digits of the time, valid for one second. */
  #start = startWith(timeStart);
  #startSecond = -1;

  constructor(options: AccessLogOptions) {
    this.#destination = options.destination;
    this.#logger = options.logger;
    this.#requestIds = options.requestIds;
    this.#refused = new RefusedRecords(options.logger);
    this.#random = options.random ?? Math.random;
  }

  /** Sets the share of the calls that succeed which have a record, from 0 to 1. All other calls have one. */
  useSuccessShare(share: number): void {
    this.#successShare = share;
  }

  /** Sets whether records begin with their priority, from the next record on. The prefix is part of #start and costs nothing more. */
  useSyslogPrefix(hasPrefix: boolean): void {
    this.#start = startWith(hasPrefix ? prefixedTimeStart : timeStart);
    this.#startSecond = -1;
  }

  onFinish(record: ExchangeRecord): void {
    if (!this.#logger.isLevelEnabled('info')) return;
    if (this.#successShare < 1 && isSuccess(record) && this.#random() >= this.#successShare) return;
    // If there was no attempt, no service has seen the call, so its record may be left out.
    if (record.attempts === 0 && record.endedBy === 'framegate' && this.#refused.isOneTooMany(record)) return;
    const subject = RENDERED.of(record.subject) ?? this.#renderSubject(record.subject);
    const endpoint = this.#endpoints.get(record.endpoint) ?? this.#renderEndpoint(record.endpoint);
    const status = this.#statuses.get(record.grpcStatus) ?? this.#renderStatus(record.grpcStatus);
    const identity = record.identity === undefined ? NOTHING : this.#identityOf(record.identity);
    const faults = record.faults === undefined ? NOTHING : this.#faultsOf(record.faults);
    const dryRuns = record.dryRuns === undefined ? NOTHING : this.#dryRunsOf(record.dryRuns);
    const id = typeof record.requestId === 'string' ? renderId(record.requestId) : undefined;
    const end =
      record.reason === '' && record.endpoints === undefined
        ? ordinaryEnds[record.endedBy]
        : renderEnd(
            record,
            subject.length +
              endpoint.length +
              status.length +
              (id?.length ?? mostDigits * 2) +
              (record.trace === undefined ? 0 : traceIdLabel.length + traceIdBytes),
          );
    const memoisedBytes =
      subject.length +
      endpoint.length +
      status.length +
      identity.length +
      faults.length +
      dryRuns.length +
      end.length;
    const destination = this.#destination;
    let at = destination.reserve(memoisedBytes + (id?.length ?? 0) + mostVariableBytes);
    if (at < 0) return;
    const target = destination.buffer;
    at = this.#writeTime(target, at, record.startedAtEpochMs + record.durationMs);
    at = copy(target, at, subject);
    if (identity.length > 0) at = copy(target, at, identity);
    if (faults.length > 0) at = copy(target, at, faults);
    if (dryRuns.length > 0) at = copy(target, at, dryRuns);
    at = copy(target, at, endpoint);
    at = copy(target, at, status);
    at = writeNumbers(target, at, record);
    at = copy(target, at, end);
    at = id === undefined ? this.#writeId(target, at, Number(record.requestId)) : copy(target, at, id);
    if (record.trace !== undefined)
      at = record.trace.writeTraceId(this.#viewOf(target), copy(target, at, traceIdLabel));
    destination.commit(copy(target, at, recordEnd));
  }

  /** Logs how many records were left out since the last summary. */
  close(): void {
    this.#refused.close();
  }

  #writeTime(target: Buffer, offset: number, finishedAtMs: number): number {
    const epochMs = finishedAtMs >= firstEpochMs && finishedAtMs < endEpochMs ? finishedAtMs : Date.now();
    const second = Math.floor(epochMs / 1000);
    if (second !== this.#startSecond) {
      this.#startSecond = second;
      writeDecimal(this.#start, this.#start.length - timeDigits, second);
    }
    const end = copy(target, offset, this.#start);
    writeThreeDigits(target, end - 3, Math.floor(epochMs - second * 1000));
    return end;
  }

  /** A destination writes to the same few buffers in turn. */
  #viewOf(target: Buffer): DataView {
    if (target !== this.#viewed) {
      this.#viewed = target;
      this.#view = viewOf(target);
    }
    return this.#view;
  }

  #writeId(target: Buffer, offset: number, number: number): number {
    this.#requestIds.write(number, target, offset);
    return offset + this.#requestIds.length;
  }

  #renderSubject(subject: ExchangeSubject): Buffer {
    const listener = boundedJsonString(subject.listener, most.name);
    const client = boundedJsonString(subject.client, most.client);
    const tls = boundedJsonString(subject.tls, most.tls);
    const authority = boundedJsonString(textOfBytes(subject.authority), most.authority);
    const route = boundedJsonString(subject.route, most.name);
    const upstream = boundedJsonString(subject.upstream, most.name);
    const before = `${this.#processFields},"listener":${listener},"client":${client},"tls":${tls},"authority":${authority},"method":`;
    const after = `,"route":${route},"upstream":${upstream}`;
    const left = most.subject - Buffer.byteLength(before) - Buffer.byteLength(after);
    const rendered = bytesOf(`${before}${boundedJsonString(textOfBytes(subject.method), left)}${after}`);
    RENDERED.keep(subject, rendered);
    return rendered;
  }

  #renderEndpoint(endpoint: string): Buffer {
    return memoise(this.#endpoints, endpoint, `,"endpoint":${boundedJsonString(endpoint, most.endpoint)}`);
  }

  #identityOf(identity: string): Buffer {
    return (
      this.#identities.get(identity) ??
      memoise(this.#identities, identity, `,"identity":${boundedJsonString(identity, most.identity)}`)
    );
  }

  #faultsOf(faults: readonly InjectedFault[]): Buffer {
    const text = faultsText(faults);
    return (
      this.#faults.get(text) ?? memoise(this.#faults, text, `,"fault":${boundedJsonString(text, most.fault)}`)
    );
  }

  #dryRunsOf(dryRuns: readonly InjectedFault[]): Buffer {
    const text = faultsText(dryRuns);
    const known = this.#dryRuns.get(text);
    return known ?? memoise(this.#dryRuns, text, `,"dryRun":${boundedJsonString(text, most.dryRun)}`);
  }

  #renderStatus(grpcStatus: string): Buffer {
    const name = boundedJsonString(textOfBytes(grpcStatus), most.status);
    return memoise(this.#statuses, grpcStatus, `,"grpcStatus":${name}${httpStatusLabel}`);
  }
}

/** Whether a service has answered without an error, or Framegate in its place, as with a preflight. */
function isSuccess({ grpcStatus, httpStatus, attempts, reason }: ExchangeRecord): boolean {
  if (grpcStatus !== '') return grpcStatus === 'OK';
  return httpStatus > 0 && httpStatus < 400 && (reason === '' || attempts === 0);
}

function startWith(label: Buffer): Buffer {
  return Buffer.concat([label, Buffer.alloc(timeDigits)]);
}

function writeNumbers(target: Buffer, offset: number, record: ExchangeRecord): number {
  let at = writeDecimal(target, offset, record.httpStatus);
  at = writeMilliseconds(target, copy(target, at, durationLabel), record.durationMs);
  if (record.deadlineMs !== undefined)
    at = writeDecimal(target, copy(target, at, deadlineLabel), Math.floor(record.deadlineMs));
  at = writeDecimal(target, copy(target, at, requestBytesLabel), record.requestBytes);
  at = writeDecimal(target, copy(target, at, responseBytesLabel), record.responseBytes);
  at = writeDecimal(target, copy(target, at, requestMessagesLabel), record.requestMessages);
  at = writeDecimal(target, copy(target, at, responseMessagesLabel), record.responseMessages);
  if (record.requestPacedMs !== undefined)
    at = writeDecimal(target, copy(target, at, requestPacedLabel), record.requestPacedMs);
  if (record.responsePacedMs !== undefined)
    at = writeDecimal(target, copy(target, at, responsePacedLabel), record.responsePacedMs);
  return writeDecimal(target, copy(target, at, attemptsLabel), record.attempts);
}

function copy(target: Buffer, offset: number, source: Buffer): number {
  target.set(source, offset);
  return offset + source.length;
}

/** @param besides the size in bytes of the record's other rendered parts */
function renderEnd(record: ExchangeRecord, besides: number): Buffer {
  const left = most.record - mostBytesAround - besides - mostBytesOfCause;
  const endpoints = endpointsText(record.endpoints, Math.min(most.endpoints, Math.floor(left / 2)));
  const reason = withoutPath(record.reason, shownPath(record.subject.method));
  const text = boundedJsonString(
    textOfBytes(reason),
    Math.min(most.reason, left - Buffer.byteLength(endpoints)),
  );
  return bytesOf(`${endpoints}${endText(record.endedBy, text, causeText(record))}`);
}

/** @returns as many of the endpoints as fit, from the first one on */
function endpointsText(endpoints: readonly string[] | undefined, mostBytes: number): string {
  if (endpoints === undefined) return '';
  let list = '';
  for (const endpoint of endpoints) {
    const longer = `${list}${list === '' ? '' : ','}${boundedJsonString(endpoint, most.endpoint)}`;
    if (Buffer.byteLength(longer) + ENDPOINTS_LABEL.length + 1 > mostBytes) break;
    list = longer;
  }
  return list === '' ? '' : `${ENDPOINTS_LABEL}${list}]`;
}

/** Removes the path from a reason, because the record has the path already. A reason quotes only the beginning of a long path. */
function withoutPath(reason: string, path: string): string {
  const named = path.slice(0, MOST_OF_PATH);
  return named.length < shortestRepeatedPath ? reason : reason.replace(named, 'this path');
}

/** Renders an id that a client chose, without quotes, which are part of the text before and after it. */
function renderId(requestId: string): Buffer {
  return bytesOf(boundedJsonString(textOfBytes(requestId), most.requestId).slice(1, -1));
}

/** @param cause further fields, or '' */
function endText(endedBy: EndedBy, reason: string, cause = ''): string {
  return `,"endedBy":"${endedBy}"${cause},"reason":${reason},"requestId":"`;
}

function memoise(memo: Map<string, Buffer>, key: string, text: string): Buffer {
  if (memo.size >= mostMemoised) memo.clear();
  const bytes = bytesOf(text);
  memo.set(key, bytes);
  return bytes;
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}
