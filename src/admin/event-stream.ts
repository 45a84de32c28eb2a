// Answers GET /api/events: server-sent events, for as long as the client reads. A client that reads slowly loses events and is told how many;
// one that does not read at all is left, since others may want its place.

import type { EventBatch, EventQuery, EventSink, EventSubscription } from '../calls/event-query.ts';
import type { Containment } from '../transport/containment.ts';
import {
  beginEvents,
  CLOSES,
  type EventResponse,
  endEvents,
  framed,
  TOKEN_CHANGED,
} from './server-sent-events.ts';

const TICK_EVERY_MS = 1000;
/** A comment after this time without an event, so that both sides notice a connection that is gone. */
const HEARTBEAT_AFTER_MS = 15_000;
/** A client that has taken nothing for this time is left. */
const LEFT_AFTER_MS = 60_000;

export type Subscribe = (query: EventQuery, sink: EventSink) => EventSubscription | undefined;

export interface EventStreamOptions {
  readonly query: EventQuery;
  readonly subscribe: Subscribe;
  readonly containment: Containment;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  readonly onEnd: () => void;
}

export class EventStream {
  readonly #response: EventResponse;
  readonly #containment: Containment;
  readonly #now: () => number;
  readonly #onEnd: () => void;
  readonly #subscription: EventSubscription;
  #dropped = 0;
  #wroteAtMs: number;
  /** Lets the next batch come, while the client has not taken the last one. */
  #taken: (() => void) | undefined = undefined;
  #hasEnded = false;

  private constructor(
    response: EventResponse,
    subscription: EventSubscription,
    { containment, now, onEnd }: EventStreamOptions,
  ) {
    this.#response = response;
    this.#subscription = subscription;
    this.#containment = containment;
    this.#now = now;
    this.#onEnd = onEnd;
    this.#wroteAtMs = now();
  }

  /** @returns undefined, and writes nothing, if there are as many subscribers as there may be */
  static begin(response: EventResponse, options: EventStreamOptions): EventStream | undefined {
    const { query, subscribe, containment } = options;
    let begun: EventStream | undefined;
    const subscription = subscribe(query, (batch, taken) => {
      if (begun !== undefined) begun.#send(batch, taken);
    });
    if (subscription === undefined) return undefined;
    const stream = new EventStream(response, subscription, options);
    begun = stream;
    beginEvents(response, containment, {
      onEnd: () => stream.#ended(),
      onDrain: () => stream.#drained(),
    });
    stream.#write(messageOf({ event: 'open', rate: query.rate }));
    return stream;
  }

  /** Called about once a second. */
  tick(): void {
    const silentMs = this.#now() - this.#wroteAtMs;
    if (this.#taken !== undefined) {
      if (silentMs >= LEFT_AFTER_MS) this.leave();
      return;
    }
    if (this.#dropped > 0) this.#writeDropped();
    else if (silentMs >= HEARTBEAT_AFTER_MS) {
      this.#write(': still here\n\n');
      // A client that does not read takes no comments either.
      if (this.#response.writableNeedDrain) this.#taken = ignore;
    }
  }

  /** @param reason a word for the client */
  close(reason: string): void {
    if (this.#hasEnded) return;
    if (this.#dropped > 0) this.#writeDropped();
    this.#write(messageOf({ event: 'closing', reason }));
    endEvents(this.#response, this.#containment);
    this.#ended();
  }

  leave(): void {
    this.#response.destroy();
    this.#ended();
  }

  #send({ events, dropped }: EventBatch, taken: () => void): void {
    this.#dropped += dropped;
    if (events.length === 0 || this.#write(events.map(framed).join(''))) taken();
    else this.#taken = taken;
  }

  /** Also counts as a sign of life. @returns whether the client can take more */
  #write(text: string): boolean {
    this.#wroteAtMs = this.#now();
    return this.#response.write(text);
  }

  #writeDropped(): void {
    const events = this.#dropped;
    this.#dropped = 0;
    this.#write(messageOf({ event: 'dropped', events }));
  }

  #drained(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#subscription.close();
    this.#taken = undefined;
    this.#onEnd();
  }
}

/** All streams of an admin server. */
export class EventStreams {
  readonly #subscribe: Subscribe;
  readonly #containment: Containment;
  /** With each, whether its client may still have it. */
  readonly #streams = new Map<EventStream, () => boolean>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #isClosed = false;

  constructor(subscribe: Subscribe, containment: Containment) {
    this.#subscribe = subscribe;
    this.#containment = containment;
  }

  /**
   * @param isGranted whether the client may still have the stream
   * @returns whether the response has begun; if not, there are as many subscribers as there may be
   */
  begin(query: EventQuery, response: EventResponse, isGranted: () => boolean): boolean {
    const stream = EventStream.begin(response, {
      query,
      subscribe: this.#subscribe,
      containment: this.#containment,
      now: () => performance.now(),
      onEnd: () => {
        if (stream !== undefined) this.#streams.delete(stream);
        if (this.#streams.size === 0) this.#stopTicking();
      },
    });
    if (stream === undefined) return false;
    if (this.#isClosed) {
      // A connection that is still open has asked once more.
      stream.close(CLOSES);
      return true;
    }
    this.#streams.set(stream, isGranted);
    this.#timer ??= setInterval(
      this.#containment.guard(
        () => this.#leaveAll(),
        () => this.#tick(),
      ),
      TICK_EVERY_MS,
    ).unref();
    return true;
  }

  /** Must be called when the token has changed: ends the streams that are no longer granted. */
  tokenChanged(): void {
    for (const [stream, isGranted] of this.#streams) if (!isGranted()) stream.close(TOKEN_CHANGED);
  }

  /** Ends all streams, after what their subscribers have not been told yet. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams.keys()) stream.close(CLOSES);
  }

  #tick(): void {
    for (const stream of this.#streams.keys()) stream.tick();
  }

  #leaveAll(): void {
    for (const stream of this.#streams.keys()) stream.leave();
  }

  #stopTicking(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function messageOf(event: Readonly<Record<string, unknown>>): string {
  return framed(JSON.stringify(event));
}

function ignore(): void {
  // The client has taken a comment.
}
