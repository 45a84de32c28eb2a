// One HTTP/2 connection to an endpoint, from dialling to its end. The streams of all clients share it.

import type { Duplex } from 'node:stream';
import type { Failure } from '../../calls/failure.ts';
import type { Address } from '../../config/address.ts';
import { diagnoseConnectFailure } from '../../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../../diagnosis/diagnosis.ts';
import { diagnoseSilence } from '../../diagnosis/silence.ts';
import type { Connection } from '../../h2/connection.ts';
import { ErrorCode } from '../../h2/error-codes.ts';
import type { Stream, StreamOwner } from '../../h2/stream.ts';
import { Http2Transport } from '../../transport/http2-transport.ts';
import { turnNowMs } from '../../transport/turn-clock.ts';
import { type DialEvents, tcpDialer, timeoutCode } from '../dial.ts';
import type { Doubt } from '../endpoint.ts';
import type { Holding } from '../holding.ts';
import { describeGoAway, diagnoseViolation, lostWith, saysTooManyPings } from './connection-end.ts';
import type { ConnectionEvents, ConnectionTerms, UpstreamConnectionState } from './connection-terms.ts';
import { FirstBytes } from './first-bytes.ts';
import { Keepalive, type WatchedConnection } from './keepalive.ts';
import { isFault, isUnderWay, StreamEnds } from './stream-ends.ts';
import { UnreadEnds } from './unread-ends.ts';
import { holdingOfStream } from './upstream-call.ts';

const STALL_CHECK_MS = 1000;
/** With so many streams that run out, and no others, it closes at once; with fewer at the next check, in case another call comes. */
const MOST_GIVEN_UP = 20;
/** How many faults a client is charged when its call made an endpoint close a connection. */
const FAULTS_OF_A_CONNECTION = 10;
export type UpstreamConnectionEvents = ConnectionEvents<UpstreamConnection>;

export class UpstreamConnection implements DialEvents, WatchedConnection {
  /** The endpoint's address as configured, for logs. */
  readonly endpoint: string;
  readonly #events: UpstreamConnectionEvents;
  readonly #socket: Duplex;
  readonly #transport: Http2Transport;
  /** The HTTP/2 connection, for the owners of its streams. */
  readonly http2: Connection;
  readonly #unreadEnds: UnreadEnds;
  readonly #timer: NodeJS.Timeout;
  readonly #stallTimer: NodeJS.Timeout;
  #state: UpstreamConnectionState = 'connecting';
  #activeStreams = 0;
  /** How many streams the connection ended, without those cancelled before, and how many of their requests are sent again. */
  lostStreams = 0;
  repeatedStreams = 0;
  /** A response began on some stream, so the endpoint works. */
  hasServed = false;
  /** The endpoint's GOAWAY had an error code. What it says about unprocessed streams is then not trusted; see Attempt.onRefused. */
  hasGoneWrong = false;
  /** The connection accepts no more calls by our own wish, which says nothing about the endpoint. */
  isLetGo = false;
  readonly #windowBytes: number;
  /** Allocated with the first stream that is ended before it is over. */
  #ends: StreamEnds | undefined = undefined;
  /** The endpoint's machine has accepted the connection. */
  isReached = false;
  #isConnected = false;
  #isHttp2 = false;
  readonly #keepalive: Keepalive | undefined;
  /** Why the connection was given up, if the endpoint went silent. */
  silence: Diagnosis | undefined = undefined;
  readonly #firstBytes = new FirstBytes();

  constructor(address: Address, terms: ConnectionTerms, events: UpstreamConnectionEvents) {
    const { settings, connectTimeoutMs, dialer = tcpDialer, pace } = terms;
    this.endpoint = address.text;
    this.#events = events;
    this.#windowBytes = settings.initialWindowBytes;
    const socket = dialer.dial(address, this);
    this.#socket = socket;
    // Before TLS, and whatever is spoken then.
    socket.once('connect', () => {
      this.isReached = true;
    });
    this.#transport = new Http2Transport(
      socket,
      'client',
      settings,
      {
        onRequest() {},
        onSettings: (isFirst) => this.#settingsReceived(isFirst),
        onGoAway: (lastStreamId, code, debug) => this.#goAwayReceived(lastStreamId, code, debug),
        onPingAcknowledged: () => this.#keepalive?.pingAcknowledged(),
        onCaughtUp: () => this.#caughtUp(),
        onOutputDrained: () => this.#offerCapacity(),
        onViolation: (error) => this.#events.onViolation(this, error),
      },
      { onClosed: (reason) => this.#closed(reason) },
    );
    this.http2 = this.#transport.connection;
    this.#unreadEnds = new UnreadEnds(this.http2, (action) => this.contain(action));
    this.#keepalive = pace === undefined ? undefined : new Keepalive(this, pace);
    this.#stallTimer = setInterval(() => this.contain(() => this.#checkProgress()), STALL_CHECK_MS).unref();
    const onTimeout = (): void =>
      this.#neverReady(this.#isConnected ? 'no_settings' : timeoutCode(socket), connectTimeoutMs);
    this.#timer = setTimeout(() => this.contain(onTimeout), connectTimeoutMs);
  }

  /** Runs a timer's action. An error that it throws ends this connection only. */
  contain(action: () => void): void {
    try {
      action();
    } catch (fault) {
      this.#transport.fail(fault);
    }
  }

  get state(): UpstreamConnectionState {
    return this.#state;
  }

  get activeStreams(): number {
    return this.#activeStreams;
  }

  /** For reports only. */
  get report(): Http2Transport['report'] & { readonly pingsSent: number } {
    return { ...this.#transport.report, pingsSent: this.#keepalive?.pingsSent ?? 0 };
  }

  /** Whether the endpoint's name is still being looked up. */
  get isLookedUp(): boolean {
    return timeoutCode(this.#socket) === 'dns_timeout';
  }

  /** Whether one more stream may be opened now. */
  get hasCapacity(): boolean {
    // The HTTP/2 side may be over before the socket is, and calls sent on it would never be answered.
    if (this.#state !== 'ready' || this.http2.isClosed || this.http2.isCongested) return false;
    if (this.isInDoubt) return false;
    return this.#activeStreams + this.unreadCount < this.http2.peerMaxConcurrentStreams;
  }

  /** Whether the endpoint has owed an answer to the keepalive for so long that the connection gets no calls until it comes. */
  get isInDoubt(): boolean {
    return this.#keepalive?.isInDoubt === true;
  }

  /** What is in doubt. Undefined if nothing is. */
  get doubt(): Doubt | undefined {
    return this.#keepalive?.doubtAt(Math.floor(performance.now()));
  }

  onDoubt(): void {
    if (this.#state === 'ready') this.#events.onDoubt(this);
  }

  get heardAtMs(): number {
    return this.#transport.readAtMs;
  }

  askBySettings(): void {
    this.#unreadEnds.askAnyway();
  }

  onSilent(silentMs: number): void {
    this.silence = diagnoseSilence(this.endpoint, silentMs);
    this.#transport.destroy(this.silence.sentence);
  }

  /** What the endpoint did, if that made us end the connection. */
  get violation(): Diagnosis | undefined {
    return diagnoseViolation(this.http2, this.endpoint);
  }

  /** Why calls ended with the connection. @param reason what `onConnectionLost` was told */
  whyLost(reason: string): Failure {
    return lostWith(this.endpoint, this.silence, reason);
  }

  /** The number of streams that are over, but that the endpoint may still count. */
  get unreadCount(): number {
    return this.#unreadEnds.count;
  }

  /** Opens a stream. The caller must release every stream exactly once, when it is over. */
  openStream(owner: StreamOwner): Stream {
    if (this.#activeStreams++ === 0) this.#keepalive?.callsBegin();
    const stream = this.http2.openStream(owner);
    this.#resolveUnread();
    if (this.http2.isWornOut) this.#retire('its stream identifiers are used up');
    return stream;
  }

  releaseStream(): void {
    if (this.http2.isClosed) this.lostStreams++;
    this.#release();
  }

  #release(): void {
    this.#activeStreams--;
    if (this.#state === 'ready') this.#resolveUnread();
    else this.#closeIfDone();
    // A draining connection takes no other call, but limits.streams may now allow one elsewhere.
    this.#events.onCapacity(this);
  }

  /** Notes that a response began on one of the streams. */
  noteResponse({ id }: Stream): void {
    this.hasServed = true;
    if (this.#unreadEnds.answered(id)) this.#offerCapacity();
  }

  /** Asks about unread ends when places are scarce, so that no place stays in doubt while a call waits for one. */
  #resolveUnread(): void {
    const most = this.http2.peerMaxConcurrentStreams;
    if (most !== Number.POSITIVE_INFINITY) this.#unreadEnds.resolve(this.#activeStreams, most);
  }

  #caughtUp(): void {
    this.#unreadEnds.caughtUp();
    this.#offerAfterEnds();
  }

  #offerAfterEnds(): void {
    if (this.#state === 'ready') this.#resolveUnread();
    this.#offerCapacity();
  }

  /** Closes a draining connection when only cancelled calls are left on it. */
  #closeIfDone(): void {
    if (this.#state !== 'draining' || this.#activeStreams > this.#abandonedCount) return;
    this.#transport.close();
  }

  get #abandonedCount(): number {
    return this.#ends === undefined ? 0 : this.#ends.abandonedCount;
  }

  /**
   * Ends a stream that is not needed any more, and releases it now or when it is over.
   * @param code the error code for the reset, if the stream is not over
   * @param isLost whether another attempt of its call was faster, so that the client has not cancelled it
   */
  endStream(stream: Stream, code: number, holding?: Holding, isLost = false): void {
    if (!isUnderWay(stream)) stream.reset(code);
    else if (!this.#streamEnds().end(stream, { code, isLost }, holding, Math.floor(turnNowMs()))) {
      this.#letGoIfGivenUp(MOST_GIVEN_UP);
      this.#closeIfDone();
      return;
    }
    holding?.give();
    this.releaseStream();
  }

  /** Notes that the endpoint reset a stream, or broke the rule named in `violation` on it. */
  noteReset(code: number, violation: string | undefined, holding?: Holding): void {
    this.#streamEnds().noteReset(code, violation !== undefined, holding, Math.floor(turnNowMs()));
  }

  #streamEnds(): StreamEnds {
    this.#ends ??= new StreamEnds(this.#windowBytes, Math.floor(turnNowMs()), {
      onOver: (holding) => {
        holding?.give();
        // A cancelled call does not count as lost.
        this.#release();
      },
      onFault: (holding, nowMs) => this.#blame(holding, 1, nowMs),
      onWorn: (reason) => this.#letGo(reason),
    });
    return this.#ends;
  }

  #letGo(reason: string): void {
    this.isLetGo = true;
    this.#retire(reason);
  }

  /**
   * Closes a connection when at least this many calls were cancelled and no other is left. This harms no client, and ends the
   * calls at the service.
   */
  #letGoIfGivenUp(least: number): void {
    const count = this.#abandonedCount;
    if (count >= least && count === this.#activeStreams) this.#letGo('all of its calls were given up');
  }

  #blame(holding: Holding | undefined, count: number, nowMs: number): void {
    if (holding?.noteFault(nowMs, count) === true) this.#events.onClientAtFault(this, holding.key);
  }

  /** Accepts no more streams. The connection ends when its streams are over. */
  drain(): void {
    if (this.#state === 'connecting') this.destroy('it is not needed any more');
    else this.#retire('it is not needed any more');
  }

  destroy(reason: string): void {
    this.#transport.destroy(reason);
  }

  onConnected(): void {
    this.#isConnected = true;
  }

  onBytes(chunk: Buffer): void {
    try {
      if (this.#isHttp2) this.#transport.receive(chunk);
      else this.#receiveFirst(chunk);
      if (this.#keepalive?.isInDoubt === true) this.#answered(this.#keepalive);
    } catch (fault) {
      this.#transport.fail(fault);
    }
  }

  #receiveFirst(chunk: Buffer): void {
    const found = this.#firstBytes.add(chunk, this.endpoint);
    if (found === undefined) return;
    this.#isHttp2 = Buffer.isBuffer(found);
    if (Buffer.isBuffer(found)) this.#transport.receive(found);
    else this.onFailed(found);
  }

  #answered(keepalive: Keepalive): void {
    keepalive.heard();
    if (this.#state === 'ready') this.#events.onAnswered(this);
  }

  #goAwayReceived(lastStreamId: number, code: number, debug: string): void {
    this.hasGoneWrong ||= code !== ErrorCode.NO_ERROR;
    const isTooOften = saysTooManyPings(debug) && this.#keepalive?.hasPinged === true;
    if (isTooOften) this.#events.onTooManyPings(this);
    else if (isFault(code)) {
      // GOAWAY names the last stream the endpoint has seen, which is often the one that caused the error.
      const holding = holdingOfStream(this.http2.streamOwners(), lastStreamId);
      this.#blame(holding, FAULTS_OF_A_CONNECTION, Math.floor(turnNowMs()));
    }
    this.#retire(describeGoAway(code, debug));
  }

  #settingsReceived(isFirst: boolean): void {
    if (isFirst && this.#state === 'connecting') {
      clearTimeout(this.#timer);
      this.#state = 'ready';
      this.#events.onReady(this);
      return;
    }
    // The peer may allow fewer streams than before, or more.
    this.#offerAfterEnds();
  }

  onFailed(diagnosis: Diagnosis): void {
    this.contain(() => this.#failed(diagnosis));
  }

  #neverReady(code: string, timeoutMs?: number): void {
    if (this.#state !== 'connecting') return;
    const details = { timeoutMs, hasWorked: this.#events.hasWorked };
    this.onFailed(this.violation ?? diagnoseConnectFailure(code, this.endpoint, details));
  }

  #failed(diagnosis: Diagnosis): void {
    if (this.#state !== 'connecting') return;
    clearTimeout(this.#timer);
    this.#state = 'closed';
    this.#events.onFailed(this, diagnosis);
    this.#transport.destroy(diagnosis.sentence);
  }

  #retire(reason: string): void {
    if (this.#state !== 'ready') {
      // GOAWAY before SETTINGS: the endpoint accepts no calls now.
      this.#neverReady('ECONNRESET');
      return;
    }
    this.#state = 'draining';
    this.#events.onRetired(this, reason);
    this.#closeIfDone();
  }

  /** Checks time limits. The kernel gives an endpoint that takes no bytes, and its calls, up after a quarter of an hour only. */
  #checkProgress(): void {
    const nowMs = performance.now();
    this.#transport.checkTime(nowMs, 'the endpoint');
    if (this.#unreadEnds.giveUpWaiting(nowMs)) this.#offerAfterEnds();
    if (this.#abandonedCount === 0) return;
    this.#ends?.resetAbandoned(Math.floor(nowMs));
    this.#letGoIfGivenUp(1);
    this.#closeIfDone();
  }

  #offerCapacity(): void {
    if (this.#state === 'ready') this.#events.onCapacity(this);
  }

  #closed(reason: string): void {
    clearTimeout(this.#timer);
    clearInterval(this.#stallTimer);
    this.#unreadEnds.close();
    this.#keepalive?.close();
    this.#neverReady('ECONNRESET');
    const before = this.#state;
    this.#state = 'closed';
    if (before === 'ready') this.#events.onRetired(this, reason);
    if (before === 'draining') this.#events.onGone(this, reason);
  }
}
