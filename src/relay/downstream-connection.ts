// A client's HTTP/2 connection. It begins a call for each request, and shuts down gracefully in two steps.

import type { Duplex } from 'node:stream';
import { type ClientCall, isClientCall } from '../calls/client-call.ts';
import type { Failure } from '../calls/failure.ts';
import { clientStalled } from '../calls/failure.ts';
import type { LimitsConfig } from '../config/config.ts';
import { type Connection, HIGHEST_STREAM_ID } from '../h2/connection.ts';
import type { ConnectionHandler } from '../h2/connection-handler.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import { ConnectionError, type StreamError } from '../h2/errors.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { LocalSettings } from '../h2/settings.ts';
import type { Stream } from '../h2/stream.ts';
import { Http2Transport } from '../transport/http2-transport.ts';
import type { ClientAccount } from '../upstreams/client-account.ts';
import { beginCall, exchangeOf } from './begin-call.ts';
import { ageFactor } from './client-terms.ts';
import type { DownstreamPeer } from './downstream-peer.ts';
import type { Exchange } from './exchange.ts';
import { KindMemo } from './kind-memo.ts';
import type { ExchangeHome, RelayContext } from './relay-context.ts';
import { RequestHead } from './request-head.ts';
import type { Snapshot } from './snapshot.ts';
import { StallWatch } from './stall-watch.ts';

/** How long to wait for the client's answer to the PING between the two GOAWAY frames. */
const GOAWAY_TIMEOUT_MS = 1000;
/** How long a closing connection stays open without progress, so that a slow client can read the last responses. */
const LINGER_MS = 5000;
/** How long a client that connected with the wrong protocol has to make the call whose response explains it. */
const EXPLANATION_TIMEOUT_MS = 10_000;
/**
 * How many calls to HTTP/1.1 services one connection may begin before other connections get their turn. Each of these calls can need a
 * connection of its own, which takes half a millisecond to make.
 */
const COSTLY_CALLS_AT_ONCE = 2;
const DRAIN_PING: Buffer = Buffer.from('draining', 'latin1');

export class DownstreamConnection implements ConnectionHandler, ExchangeHome {
  readonly peer: DownstreamPeer;
  /** The configuration of new calls. A reload replaces it, unless the connection is draining. */
  snapshot: Snapshot;
  /** Only for ConnectionList. */
  listPlace = -1;
  readonly #context: RelayContext;
  /** The limits of the configuration with which the connection began. */
  readonly #limits: LimitsConfig;
  readonly #transport: Http2Transport;
  readonly #onClosed: (connection: DownstreamConnection) => void;
  #exchangeCount = 0;
  #costlyCalls = 0;
  #prefaceTimer: NodeJS.Timeout | undefined = undefined;
  #drainTimer: NodeJS.Timeout | undefined = undefined;
  #explanationTimer: NodeJS.Timeout | undefined = undefined;
  #stalls: StallWatch<ClientCall> | undefined = undefined;
  #drain: 'no' | 'announced' | 'final' = 'no';
  readonly #sinceMs = Math.floor(performance.now());
  readonly #ageFactor = ageFactor();
  /** The last stream identifier when checkTime() ran last. Initially below all identifiers. */
  #streamIdSeen = -1;
  #isIdle = false;
  readonly #kinds = new KindMemo();
  /** Created for the first call. */
  #account: ClientAccount | undefined = undefined;

  /** @param head bytes that were read from the socket already, beginning with the client preface */
  constructor(
    socket: Duplex,
    peer: DownstreamPeer,
    head: Buffer | undefined,
    context: RelayContext,
    settings: LocalSettings,
    onClosed: (connection: DownstreamConnection) => void,
  ) {
    this.peer = peer;
    this.snapshot = context.snapshot;
    this.#context = context;
    this.#limits = context.snapshot.limits;
    this.#onClosed = onClosed;
    this.#transport = new Http2Transport(socket, 'server', settings, this, {
      onClosed: () => this.#closed(),
    });
    // RFC 9113 section 3.4.
    this.#prefaceTimer = this.#after(this.#limits.openingTimeoutMs, () => this.#prefaceMissing());
    if (peer.mismatch !== undefined) {
      this.#explanationTimer = this.#after(EXPLANATION_TIMEOUT_MS, () => this.#transport.close());
    }
    this.#transport.start(head);
  }

  /** Runs `action` later. If it throws, only this connection ends. */
  #after(delayMs: number, action: () => void): NodeJS.Timeout {
    return setTimeout(() => {
      try {
        action();
      } catch (fault) {
        this.#transport.fail(fault);
      }
    }, delayMs);
  }

  get http2(): Connection {
    return this.#transport.connection;
  }

  get exchangeCount(): number {
    return this.#exchangeCount;
  }

  /** For reports only. */
  get report(): Http2Transport['report'] {
    return this.#transport.report;
  }

  /** Calls whose stream is still open. */
  get calls(): readonly ClientCall[] {
    return this.http2.streamOwners().filter(isClientCall);
  }

  get exchanges(): readonly Exchange[] {
    return this.calls.map(exchangeOf);
  }

  /** Memory is short: forgets what is kept only to save time. */
  shrink(): void {
    this.http2.forgetHeaderBlocks();
    this.#kinds.clear();
  }

  get isDraining(): boolean {
    return this.#drain !== 'no';
  }

  /** True if no call has run between the last two calls of checkTime(), which are seconds apart. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  onRequest(stream: Stream, list: HeaderList, endStream: boolean): void {
    const head = this.#headOf(list).forCall();
    if (this.#context.observers.readHeaders) head.keepReceived(list);
    this.#exchangeCount++;
    const call = beginCall(this.#context, this, stream, head, list);
    stream.owner = call;
    call.start(endStream);
    if (head.isCostly) this.#noteCost();
    // The response has told the client what is wrong. The client's next connection may use the right protocol.
    if (this.peer.mismatch !== undefined) this.drain();
  }

  /** Counts a costly call in advance: most of its work happens later, when the work can no longer be attributed to this connection. */
  #noteCost(): void {
    if (++this.#costlyCalls < COSTLY_CALLS_AT_ONCE) return;
    this.#costlyCalls = 0;
    this.http2.yieldTurn();
  }

  /** Reuses the decisions about an equal earlier header block, if they were made with the current configuration. */
  #headOf(list: HeaderList): RequestHead {
    const { snapshot } = this;
    const known = list.derived;
    if (known instanceof RequestHead && known.snapshot === snapshot) return known;
    const { decided } = this.#kinds;
    if (decided === 0) this.#context.onFirstRequest?.(list.get('user-agent'));
    const head = new RequestHead(list, this.#kinds.kindOf(list, this.peer, snapshot));
    this.#context.decisions += this.#kinds.decided - decided;
    list.derived = head;
    return head;
  }

  /** Call this every few seconds: it ends stalled responses, and drains the connection when it is too old. Never throws. */
  checkTime(nowMs: number): void {
    try {
      this.#checkTime(nowMs);
    } catch (fault) {
      this.#transport.fail(fault);
    }
  }

  #checkTime(nowMs: number): void {
    this.#transport.checkTime(nowMs, 'the client');
    this.#checkUse();
    const { connectionAgeMs } = this.#context.terms;
    const isOld = connectionAgeMs !== undefined && nowMs - this.#sinceMs >= connectionAgeMs * this.#ageFactor;
    if (isOld || this.http2.isWornOutByPeer) this.drain();
    if (this.#exchangeCount > 0) this.#checkStalls(nowMs);
  }

  /** Compares stream identifiers, because a call may begin and end between two checks. */
  #checkUse(): void {
    const streamId = this.http2.lastPeerStreamId;
    this.#isIdle = this.#exchangeCount === 0 && streamId === this.#streamIdSeen;
    this.#streamIdSeen = streamId;
  }

  #checkStalls(nowMs: number): void {
    const { stallTimeoutMs, stalledResponsesBytes } = this.#limits;
    if (stallTimeoutMs === undefined) return;
    this.#stalls ??= new StallWatch(stallTimeoutMs, stalledResponsesBytes);
    for (const call of this.#stalls.check(this.calls, nowMs)) {
      call.abort(clientStalled(stallTimeoutMs, stalledResponsesBytes));
    }
  }

  get mostHeaderListBytes(): number {
    return this.http2.peerMaxHeaderListBytes;
  }

  responseBegan(): void {
    this.http2.callAnswered();
  }

  accountFor(head: RequestHead): ClientAccount {
    // A trusted peer forwards calls of many clients, and names the client of each call.
    if (this.peer.trusted) return this.#context.accounts.find(head.clientKey);
    this.#account ??= this.#context.accounts.open(head.clientKey);
    return this.#account;
  }

  exchangeFinished(): void {
    this.#exchangeCount--;
    if (this.#drain === 'final' && this.#exchangeCount === 0) this.#transport.close(LINGER_MS);
  }

  /**
   * Asks the client to make new calls on another connection; calls in progress continue. The first GOAWAY still accepts requests that
   * are in flight. After a round trip, a second one names the last stream that is processed (RFC 9113 section 6.8).
   */
  drain(): void {
    if (this.#drain !== 'no') return;
    this.#drain = 'announced';
    this.http2.goAway(HIGHEST_STREAM_ID, ErrorCode.NO_ERROR, 'draining');
    this.http2.ping(DRAIN_PING);
    this.#drainTimer = this.#after(GOAWAY_TIMEOUT_MS, () => this.#finishDrain());
  }

  onCaughtUp(): void {
    // Never called: this connection does not use askToCatchUp().
  }

  onPingAcknowledged(): void {
    if (this.#drain === 'announced') this.#finishDrain();
  }

  #finishDrain(): void {
    clearTimeout(this.#drainTimer);
    if (this.#drain !== 'announced') return;
    this.#drain = 'final';
    this.http2.goAway(this.http2.lastPeerStreamId, ErrorCode.NO_ERROR, 'draining');
    if (this.#exchangeCount === 0) this.#transport.close(LINGER_MS);
  }

  /** Ends all calls with the status of `cause`, and then the connection. */
  abort(cause: Failure): void {
    for (const call of this.calls) call.abort(cause);
    this.#transport.close();
  }

  onSettings(isFirst: boolean): void {
    if (isFirst) clearTimeout(this.#prefaceTimer);
  }

  #prefaceMissing(): void {
    const text = 'no HTTP/2 preface and SETTINGS in time';
    this.http2.giveUp(new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, 'preface_timeout', text));
    this.#transport.close();
  }

  onOutputDrained(): void {
    // The HTTP/2 connection itself notifies the streams that wait for room.
  }

  onGoAway(): void {
    // The client opens no more streams. It closes the connection itself.
  }

  onViolation(error: ConnectionError | StreamError): void {
    this.#context.onViolation(this.peer.client, error);
  }

  #closed(): void {
    clearTimeout(this.#prefaceTimer);
    clearTimeout(this.#drainTimer);
    clearTimeout(this.#explanationTimer);
    if (this.#account !== undefined) this.#context.accounts.close(this.#account);
    this.#onClosed(this);
  }
}
