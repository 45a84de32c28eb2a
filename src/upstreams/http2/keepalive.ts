// Finds out that an endpoint has stopped answering while calls are on a connection to it: its machine has lost power, packets to it are
// dropped, or its process is stopped. TCP alone would notice the first two after a quarter of an hour, and the last never. Nothing is
// done for each call or frame, and without calls no timer is set. See docs/decisions/0045.

import type { KeepaliveConfig } from '../../config/upstream-config.ts';
import type { Connection } from '../../h2/connection.ts';
import type { Doubt } from '../endpoint.ts';

/**
 * How many PINGs are sent between HEADERS or DATA of the endpoint. gRPC servers count a PING within five minutes of the last one as
 * a strike, and close the connection with the third; grpc-java counts the first one too. HEADERS or DATA that they send clear it.
 */
const PINGS_WITHOUT_CONTENT = 2;
/** A connection that has not answered for this long gets no new calls until it does. */
const DOUBT_MS = 1000;
/** When a call begins on a connection that has been silent for long, how much time the endpoint has to say anything by itself. */
const FIRST_LOOK_MS = 1000;
/** Beyond this, doubling makes no difference any more. */
const LONGEST_AFTER_MS = 7_200_000;

const OPAQUE = Buffer.from('keepaliv');

/** How often the connections of one endpoint are asked. Outlives them, because an endpoint that is asked too often stays like that. */
export class KeepalivePace {
  #afterMs: number;
  readonly timeoutMs: number;

  constructor({ afterMs, timeoutMs }: KeepaliveConfig) {
    this.#afterMs = afterMs;
    this.timeoutMs = timeoutMs;
  }

  get afterMs(): number {
    return this.#afterMs;
  }

  /** Called when the endpoint finds that it is asked too often. */
  slowDown(): void {
    this.#afterMs = Math.min(2 * this.#afterMs, LONGEST_AFTER_MS);
  }
}

/** The connection, as its keepalive sees it. */
export interface WatchedConnection {
  readonly activeStreams: number;
  readonly http2: Pick<Connection, 'ping' | 'takeContentSeen'>;
  /** When bytes arrived last, in whole milliseconds of `performance.now`. */
  readonly heardAtMs: number;
  /** Asks by an empty SETTINGS frame, which gRPC servers do not count. */
  askBySettings(): void;
  /** The endpoint has owed an answer for so long that the connection gets no calls until it comes. */
  onDoubt(): void;
  /**
   * The endpoint has not answered in time, and nothing else has arrived.
   * @param silentMs for how long nothing has come although calls were open. Time without calls does not count.
   */
  onSilent(silentMs: number): void;
  /** Runs a timer's action, so that an error ends this connection only. */
  contain(action: () => void): void;
}

export class Keepalive {
  readonly #connection: WatchedConnection;
  readonly #pace: KeepalivePace;
  #timer: NodeJS.Timeout | undefined = undefined;
  /** When the question was asked that has no answer yet. Undefined when there is none. */
  #askedAtMs: number | undefined = undefined;
  /** PINGs that the endpoint may count: since it last sent HEADERS or DATA. */
  #pings = 0;
  /** How many PINGs were sent in all. */
  pingsSent = 0;
  /** The timer is set. */
  #isWatching = false;
  /** Since when calls have been open without a pause, as far as is known. */
  #callsSinceMs = 0;
  /** There was a pause since the last look. */
  #hasPaused = false;
  /** When bytes had arrived last as the calls after that pause began. */
  #heardBeforeMs = 0;
  /** The endpoint has owed an answer for a while. Must be told by `heard` when bytes arrive. */
  isInDoubt = false;

  constructor(connection: WatchedConnection, pace: KeepalivePace) {
    this.#connection = connection;
    this.#pace = pace;
  }

  /** What is not known of the endpoint at this time. Undefined unless it is in doubt. */
  doubtAt(nowMs: number): Doubt | undefined {
    if (!this.isInDoubt || this.#askedAtMs === undefined) return undefined;
    const askedMs = Math.max(0, nowMs - this.#askedAtMs);
    return {
      silentMs: this.#silentMsAt(nowMs),
      askedMs,
      endsInMs: Math.max(0, this.#pace.timeoutMs - askedMs),
    };
  }

  /** Whether the endpoint may have counted a PING on this connection. */
  get hasPinged(): boolean {
    return this.pingsSent > 0;
  }

  /** Called when a call begins and there was none. It reads no clock while the timer is set. */
  callsBegin(): void {
    this.#hasPaused = true;
    this.#heardBeforeMs = this.#connection.heardAtMs;
    if (!this.#isWatching) this.#watch();
  }

  #watch(): void {
    this.#isWatching = true;
    const nowMs = Math.floor(performance.now());
    this.#noteCalls(nowMs);
    const { afterMs } = this.#pace;
    const waitMs = this.#connection.heardAtMs + afterMs - nowMs;
    this.#lookAgain(Math.max(waitMs, Math.min(afterMs, FIRST_LOOK_MS)));
  }

  /** Bytes have arrived while the connection was in doubt. */
  heard(): void {
    this.isInDoubt = false;
  }

  /** What the endpoint sent before this answer, it may have sent before it read the PING. */
  pingAcknowledged(): void {
    this.#connection.http2.takeContentSeen();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#isWatching = true;
  }

  /**
   * When the calls after a pause began, is known only if the timer was not set then. Otherwise they count from the next byte, or from the
   * next look if that comes first.
   */
  #noteCalls(nowMs: number): void {
    if (this.#hasPaused && this.#connection.heardAtMs <= this.#heardBeforeMs) this.#callsSinceMs = nowMs;
    this.#hasPaused = false;
  }

  #silentMsAt(nowMs: number): number {
    return Math.max(0, nowMs - Math.max(this.#connection.heardAtMs, this.#callsSinceMs));
  }

  #lookAgain(delayMs: number): void {
    this.#timer = setTimeout(this.#onTimer, delayMs).unref();
  }

  readonly #onTimer = (): void => this.#connection.contain(() => this.#look());

  #look(): void {
    const nowMs = Math.floor(performance.now());
    const { heardAtMs, activeStreams } = this.#connection;
    if (this.#askedAtMs !== undefined && heardAtMs < this.#askedAtMs) {
      this.#lookForAnswer(nowMs - this.#askedAtMs);
      return;
    }
    this.#askedAtMs = undefined;
    this.#isWatching = activeStreams > 0;
    if (!this.#isWatching) return;
    this.#noteCalls(nowMs);
    const waitMs = heardAtMs + this.#pace.afterMs - nowMs;
    if (waitMs > 0) this.#lookAgain(waitMs);
    else this.#ask(nowMs);
  }

  #ask(nowMs: number): void {
    this.#askedAtMs = nowMs;
    const { http2 } = this.#connection;
    if (http2.takeContentSeen()) this.#pings = 0;
    if (this.#pings < PINGS_WITHOUT_CONTENT) {
      this.#pings++;
      this.pingsSent++;
      http2.ping(OPAQUE);
    } else this.#connection.askBySettings();
    this.#lookAgain(Math.min(DOUBT_MS, this.#pace.timeoutMs));
  }

  #lookForAnswer(waitedMs: number): void {
    if (!this.isInDoubt) {
      this.isInDoubt = true;
      this.#connection.onDoubt();
    }
    const { timeoutMs } = this.#pace;
    if (waitedMs < timeoutMs) this.#lookAgain(timeoutMs - waitedMs);
    // Timers come before sockets in a turn of the event loop: if this process was stopped, the answer may be here unread.
    else setImmediate(this.#onImmediate);
  }

  readonly #onImmediate = (): void => this.#connection.contain(() => this.#judge());

  #judge(): void {
    const { heardAtMs } = this.#connection;
    if (this.#askedAtMs !== undefined && heardAtMs < this.#askedAtMs)
      this.#connection.onSilent(this.#silentMsAt(Math.floor(performance.now())));
    else this.#look();
  }
}
