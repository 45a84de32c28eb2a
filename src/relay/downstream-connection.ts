// A client's HTTP/2 connection: makes an exchange of every request, and says goodbye in two steps.

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

/** A client that does not answer the PING between the two GOAWAYs waits no longer than this. */
const GOAWAY_TIMEOUT_MS = 1000;
/** After its last call a slow client still has responses to read; one that does nothing for so long is gone. */
const LINGER_MS = 5000;
/** For a client that came in by the wrong way to make a call, and be told so in its answer. */
const EXPLANATION_TIMEOUT_MS = 10_000;
/** After so many calls to HTTP/1.1 services a connection ends its turn: each is a connection there, which takes half a millisecond. */
const COSTLY_CALLS_AT_ONCE = 2;
const DRAIN_PING: Buffer = Buffer.from('draining', 'latin1');

export class DownstreamConnection implements ConnectionHandler, ExchangeHome {
  readonly peer: DownstreamPeer;
  /** What new calls begin with. Changed by a reload, unless the connection is to end anyway. */
  snapshot: Snapshot;
  /** For ConnectionList alone. */
  listPlace = -1;
  readonly #context: RelayContext;
  /** Those it began with. */
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
  /** The last stream at the last look; below any at first. */
  #streamIdSeen = -1;
  #isIdle = false;
  readonly #kinds = new KindMemo();
  /** Made with the first call. */
  #account: ClientAccount | undefined = undefined;

  /** @param head octets read from the socket already, beginning with the client preface */
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

  /** What it throws ends this connection only. */
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

  /** Those that have a stream still. */
  get calls(): readonly ClientCall[] {
    return this.http2.streamOwners().filter(isClientCall);
  }

  get exchanges(): readonly Exchange[] {
    return this.calls.map(exchangeOf);
  }

  get isDraining(): boolean {
    return this.#drain !== 'no';
  }

  /** No call has run for some seconds. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  onRequest(stream: Stream, list: HeaderList, endStream: boolean): void {
    const head = this.#headOf(list);
    this.#exchangeCount++;
    const call = beginCall(this.#context, this, stream, head);
    stream.owner = call;
    call.start(endStream);
    if (head.isCostly) this.#noteCost();
    // Whoever came in by the wrong way was told so; the next connection may be a better one.
    if (this.peer.mismatch !== undefined) this.drain();
  }

  /** Most of it comes later, when nobody knows any more whose turn it was. */
  #noteCost(): void {
    if (++this.#costlyCalls < COSTLY_CALLS_AT_ONCE) return;
    this.#costlyCalls = 0;
    this.http2.yieldTurn();
  }

  /** What was decided for an equal header block before still counts, as long as the configuration is the same. */
  #headOf(list: HeaderList): RequestHead {
    const { snapshot } = this;
    const known = list.derived;
    if (known instanceof RequestHead && known.snapshot === snapshot) return known;
    const head = new RequestHead(list, this.#kinds.kindOf(list, this.peer, snapshot));
    this.#context.decisions++;
    list.derived = head;
    return head;
  }

  /** To be called every few seconds: ends what the client has let lie for too long, and what is too old. Never throws. */
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

  /** Calls that came and went between two looks have left their mark in the number of the last stream. */
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
    // A trusted peer brings calls of others, and says of each whose it is.
    if (this.peer.trusted) return this.#context.accounts.find(head.clientKey);
    this.#account ??= this.#context.accounts.open(head.clientKey);
    return this.#account;
  }

  exchangeFinished(): void {
    this.#exchangeCount--;
    if (this.#drain === 'final' && this.#exchangeCount === 0) this.#transport.close(LINGER_MS);
  }

  /**
   * Asks the client to go elsewhere with new calls while those it has run on: a GOAWAY that still takes what is under
   * way, and after a round trip the one that names the last call taken (RFC 9113 section 6.8).
   */
  drain(): void {
    if (this.#drain !== 'no') return;
    this.#drain = 'announced';
    this.http2.goAway(HIGHEST_STREAM_ID, ErrorCode.NO_ERROR, 'draining');
    this.http2.ping(DRAIN_PING);
    this.#drainTimer = this.#after(GOAWAY_TIMEOUT_MS, () => this.#finishDrain());
  }

  onCaughtUp(): void {
    // Clients are never asked how far they have read.
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

  /** Ends what is still running, with a status in trailers, and then the connection. */
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
    // Streams that wait are told by the connection itself.
  }

  onGoAway(): void {
    // The client opens no more streams; it closes the connection when it likes.
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
