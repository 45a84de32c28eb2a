// The events of calls as JSON in one line. Texts of clients are bounded and harmless, and no metadata is in them.

import type { ExchangeRecord, ExchangeSubject } from '../calls/exchange-record.ts';
import type { StartedAttempt, StartedExchange } from '../calls/observers.ts';
import type { RequestIds } from '../calls/request-id.ts';
import { boundedJsonString, textOfBytes } from '../observability/json-text.ts';
import { epochMsOf, turnNowMs } from '../transport/turn-clock.ts';

/** The most bytes of a text of a client. The access log cuts paths at about this length, too. */
const MOST_TEXT_BYTES = 400;
/** The most bytes of an address, a name or a status. */
const MOST_NAME_BYTES = 128;

export class EventText {
  readonly #requestIds: RequestIds;
  /** The field with the number of the worker. '' where there is one process. */
  readonly #worker: string;

  constructor(requestIds: RequestIds, worker: number | undefined) {
    this.#requestIds = requestIds;
    this.#worker = worker === undefined ? '' : `,"worker":${worker}`;
  }

  start(exchange: StartedExchange): string {
    const { subject, number } = exchange;
    return `${this.#begin('start', turnNowMs(), number)}${subjectText(subject)}${this.#ids(exchange)}}`;
  }

  attempt({ exchange, endpoint, number }: StartedAttempt): string {
    const begin = this.#begin('attempt', turnNowMs(), exchange.number);
    return `${begin}${subjectText(exchange.subject)},"endpoint":${name(endpoint)},"attempt":${number}${this.#ids(exchange)}}`;
  }

  end(record: ExchangeRecord): string {
    const endedAtMs = record.startedAtEpochMs + record.durationMs;
    return [
      this.#beginAt('end', endedAtMs, record.number),
      subjectText(record.subject),
      `,"endpoint":${name(record.endpoint)}`,
      `,"grpcStatus":${name(textOfBytes(record.grpcStatus))}`,
      `,"httpStatus":${record.httpStatus},"durationMs":${rounded(record.durationMs)}`,
      `,"requestBytes":${record.requestBytes},"responseBytes":${record.responseBytes}`,
      `,"requestMessages":${record.requestMessages},"responseMessages":${record.responseMessages}`,
      `,"attempts":${record.attempts},"endedBy":"${record.endedBy}","reason":${long(record.reason)}`,
      this.#ids(record),
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
  return `,"listener":${name(listener)},"client":${name(client)},"tls":${name(tls)},"authority":${long(authority)},"method":${long(method)},"route":${name(route)},"upstream":${name(upstream)}`;
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
