// The events of calls as JSON in one line. Texts of clients are bounded and harmless. Metadata and bytes of messages are in them only for a
// subscriber that asks for them.

import type { ExchangeRecord, ExchangeSubject, PacedCall } from '../calls/exchange-record.ts';
import { faultsText } from '../calls/injected-fault.ts';
import type { StartedAttempt, StartedExchange, WatchedExchange } from '../calls/observers.ts';
import type { RequestIds } from '../calls/request-id.ts';
import { shownPath } from '../calls/shown-path.ts';
import { isCredential } from '../config/secret-name.ts';
import type { MessageWatch } from '../grpc/message-watch.ts';
import { causeText } from '../observability/cause-text.ts';
import { boundedJsonString, textOfBytes } from '../observability/json-text.ts';
import { epochMsOf, turnNowMs } from '../transport/turn-clock.ts';

/** The most bytes of a text of a client. The access log cuts paths at about this length, too. */
const MOST_TEXT_BYTES = 400;
const REDACTED = '"[redacted]"';
/** The most bytes of an address, a name or a status. */
const MOST_NAME_BYTES = 150;

/** What one subscriber sees of a call besides what its log has. */
export interface ShownOf {
  /** The names of header fields of the request. */
  readonly shownMetadata: readonly string[];
  /** How many of the first bytes of each message. */
  readonly messageBytes: number;
}

export class EventText {
  readonly #requestIds: RequestIds;
  /** The field with the number of the worker. '' where there is one process. */
  readonly #worker: string;

  constructor(requestIds: RequestIds, worker: number | undefined) {
    this.#requestIds = requestIds;
    this.#worker = worker === undefined ? '' : `,"worker":${worker}`;
  }

  start(exchange: StartedExchange, { shownMetadata }: ShownOf): string {
    const { subject, number } = exchange;
    return `${this.#begin('start', turnNowMs(), number)}${subjectText(subject)}${identityText(exchange)}${this.#ids(exchange)}${metadataText(subject, shownMetadata)}}`;
  }

  attempt({ exchange, endpoint, number }: StartedAttempt, { shownMetadata }: ShownOf): string {
    const { subject } = exchange;
    const begin = this.#begin('attempt', turnNowMs(), exchange.number);
    return `${begin}${subjectText(subject)},"endpoint":${name(endpoint)},"attempt":${number}${identityText(exchange)}${this.#ids(exchange)}${metadataText(subject, shownMetadata)}}`;
  }

  /** @param shownBytes how many of the kept bytes of the message are shown */
  message(exchange: WatchedExchange, watch: MessageWatch, shown: ShownOf, shownBytes: number): string {
    const { subject, number, endpointAtWork } = exchange;
    const { shownMetadata, messageBytes } = shown;
    const { direction, messages, sizeBytes, isCompressed, encoding, bytes, start } = watch;
    return [
      this.#begin('message', turnNowMs(), number),
      subjectText(subject),
      `,"endpoint":${name(endpointAtWork)},"direction":"${direction}","number":${messages},"sizeBytes":${sizeBytes}`,
      `,"compressed":${isCompressed}`,
      isCompressed && messageBytes > 0 ? `,"encoding":${name(textOfBytes(encoding))}` : '',
      messageBytes > 0 ? `,"bytes":"${bytes.toString('base64', start, start + shownBytes)}"` : '',
      messageBytes > 0 ? `,"truncated":${shownBytes < sizeBytes}` : '',
      leftOutText(watch, messageBytes, shownBytes),
      identityText(exchange),
      this.#ids(exchange),
      metadataText(subject, shownMetadata),
      '}',
    ].join('');
  }

  end(record: ExchangeRecord, { shownMetadata }: ShownOf): string {
    const endedAtMs = record.startedAtEpochMs + record.durationMs;
    return [
      this.#beginAt('end', endedAtMs, record.number),
      subjectText(record.subject),
      `,"endpoint":${name(record.endpoint)}`,
      `,"grpcStatus":${name(textOfBytes(record.grpcStatus))}`,
      `,"httpStatus":${record.httpStatus},"durationMs":${rounded(record.durationMs)}`,
      record.deadlineMs === undefined ? '' : `,"deadlineMs":${Math.floor(record.deadlineMs)}`,
      `,"requestBytes":${record.requestBytes},"responseBytes":${record.responseBytes}`,
      `,"requestMessages":${record.requestMessages},"responseMessages":${record.responseMessages}`,
      pacedText(record),
      identityText(record),
      record.faults === undefined ? '' : `,"fault":${name(faultsText(record.faults))}`,
      record.dryRuns === undefined ? '' : `,"dryRun":${long(faultsText(record.dryRuns))}`,
      `,"attempts":${record.attempts},"endedBy":"${record.endedBy}"${causeText(record)}`,
      `,"reason":${long(record.reason)}`,
      this.#ids(record),
      metadataText(record.subject, shownMetadata),
      '}',
    ].join('');
  }

  #begin(kind: string, turnMs: number, number: number): string {
    return this.#beginAt(kind, epochMsOf(turnMs), number);
  }

  #beginAt(kind: string, epochMs: number, number: number): string {
    return `{"event":"${kind}","time":${Math.floor(epochMs)},"id":"${this.#requestIds.text(number)}"${this.#worker}`;
  }

  #ids({ requestId, trace }: Pick<ExchangeRecord, 'requestId' | 'trace'>): string {
    const id = typeof requestId === 'number' ? this.#requestIds.text(requestId) : textOfBytes(requestId);
    return `,"requestId":${name(id)}${trace === undefined ? '' : `,"traceId":"${trace.traceId}"`}`;
  }
}

function subjectText({ listener, client, tls, authority, method, route, upstream }: ExchangeSubject): string {
  return `,"listener":${name(listener)},"client":${name(client)},"tls":${name(tls)},"authority":${long(authority)},"method":${long(shownPath(method))},"route":${name(route)},"upstream":${name(upstream)}`;
}

function identityText({ identity }: Pick<ExchangeRecord, 'identity'>): string {
  return identity === undefined ? '' : `,"identity":${name(identity)}`;
}

function pacedText({ requestPacedMs, responsePacedMs }: PacedCall): string {
  const request = requestPacedMs === undefined ? '' : `,"requestPacedMs":${requestPacedMs}`;
  return responsePacedMs === undefined ? request : `${request},"responsePacedMs":${responsePacedMs}`;
}

/** Why an event has fewer bytes of its message than there are and were asked for. */
function leftOutText(
  { sizeBytes, start, end }: MessageWatch,
  messageBytes: number,
  shownBytes: number,
): string {
  if (shownBytes >= Math.min(messageBytes, sizeBytes)) return '';
  return `,"leftOut":"${shownBytes < Math.min(messageBytes, end - start) ? 'rate' : 'memory'}"`;
}

/** Fields that the call does not have are left out. */
function metadataText(subject: ExchangeSubject, names: readonly string[]): string {
  if (names.length === 0) return '';
  const fields = names.flatMap((one) => {
    const value = subject.receivedHeader?.(one);
    return value === undefined ? [] : `${name(one)}:${isCredential(value) ? REDACTED : long(value)}`;
  });
  return `,"metadata":{${fields.join(',')}}`;
}

function long(text: string): string {
  return boundedJsonString(textOfBytes(text), MOST_TEXT_BYTES);
}

function name(text: string): string {
  return boundedJsonString(text, MOST_NAME_BYTES);
}

function rounded(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000;
}
