// Which events a subscriber wants. Everything that is the same for all calls of a kind is decided once for the kind. What is left for each
// call is who has made it (its identity, and the client that a trusted peer names), its header fields, its endpoint, and how it ended.

import {
  type EventKind,
  type EventQuery,
  fitsIdentity,
  fitsMethod,
  fitsPattern,
  looksInside,
} from '../calls/event-query.ts';
import type { ExchangeRecord, ExchangeSubject } from '../calls/exchange-record.ts';
import { shownPath } from '../calls/shown-path.ts';
import { isCredential } from '../config/secret-name.ts';
import { ClientFilter } from './client-filter.ts';

const NONE: readonly string[] = [];

export class EventFilter {
  readonly #query: EventQuery;
  readonly #kinds: ReadonlySet<EventKind>;
  readonly #client: ClientFilter | undefined;

  constructor(query: EventQuery) {
    this.#query = query;
    const isAboutEnd =
      query.status !== undefined || query.minDurationMs !== undefined || query.failed === true;
    this.#kinds = new Set(query.kinds.filter((kind) => isPossible(kind, isAboutEnd, query)));
    this.#client = query.client === undefined ? undefined : new ClientFilter(query.client);
  }

  /** How many of the first bytes of each message the subscriber gets. */
  get messageBytes(): number {
    return this.#query.messageBytes ?? 0;
  }

  /** The names of header fields that the subscriber sees. */
  get shownMetadata(): readonly string[] {
    return this.#query.showMetadata ?? NONE;
  }

  /** Whether calls must keep the header fields of their requests. */
  get readsHeaders(): boolean {
    return looksInside(this.#query);
  }

  wants(kind: EventKind): boolean {
    return this.#kinds.has(kind);
  }

  /** What a kind of call does not decide: the client that a trusted peer names, and header fields. */
  fitsCall(subject: ExchangeSubject): boolean {
    if (subject.namesOtherClients && this.#client?.fits(subject) === false) return false;
    return this.#fitsMetadata(subject);
  }

  /** A value that is not shown is not compared either: whoever can filter by it can find it out. */
  #fitsMetadata(subject: ExchangeSubject): boolean {
    const { metadata } = this.#query;
    return (
      metadata === undefined ||
      metadata.every(({ name, value }) => {
        const received = subject.receivedHeader?.(name);
        return received !== undefined && fitsPattern(received, value) && !isCredential(received);
      })
    );
  }

  /** @returns whether calls of this kind may have events for the subscriber. The answer is the same for all of them */
  fitsSubject(subject: ExchangeSubject): boolean {
    const { route, upstream, method } = this.#query;
    if (route !== undefined && subject.route !== route) return false;
    if (upstream !== undefined && subject.upstream !== upstream) return false;
    if (method !== undefined && !fitsMethod(shownPath(subject.method), method)) return false;
    return subject.namesOtherClients || this.#client?.fits(subject) !== false;
  }

  fitsIdentity(identity: string | undefined): boolean {
    return this.#query.identity === undefined || fitsIdentity(identity, this.#query.identity);
  }

  fitsEndpoint(endpoint: string): boolean {
    return this.#query.endpoint === undefined || this.#query.endpoint === endpoint;
  }

  fitsEnd(record: ExchangeRecord): boolean {
    const { status, minDurationMs, failed } = this.#query;
    if (!this.fitsEndpoint(record.endpoint) || !this.fitsIdentity(record.identity)) return false;
    if (minDurationMs !== undefined && record.durationMs < minDurationMs) return false;
    if (status !== undefined && record.grpcStatus !== status && String(record.httpStatus) !== status)
      return false;
    return failed !== true || hasFailed(record);
  }
}

function isPossible(kind: EventKind, isAboutEnd: boolean, { endpoint }: EventQuery): boolean {
  if (kind === 'end') return true;
  return !isAboutEnd && (kind !== 'start' || endpoint === undefined);
}

/** A gRPC call fails by its status, whatever the HTTP status is. */
function hasFailed({ grpcStatus, httpStatus, reason, isAnswer }: ExchangeRecord): boolean {
  if (grpcStatus !== '') return grpcStatus !== 'OK';
  return httpStatus === 0 || httpStatus >= 400 || (reason !== '' && isAnswer !== true);
}
