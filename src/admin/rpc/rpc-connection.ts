// One HTTP/2 connection to the admin server. Only gRPC is answered on it, and everything that its client can take up is bounded.

import type { Socket } from 'node:net';
import { isGrpcContentType } from '../../grpc/content-type.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import { parseGrpcTimeout } from '../../grpc/timeout.ts';
import type { ConnectionHandler } from '../../h2/connection-handler.ts';
import { ErrorCode } from '../../h2/error-codes.ts';
import { ConnectionError, INTERNAL_ERROR, type StreamError } from '../../h2/errors.ts';
import { HeaderList } from '../../h2/hpack/header-list.ts';
import type { LocalSettings } from '../../h2/settings.ts';
import type { Stream, StreamOwner } from '../../h2/stream.ts';
import { Http2Transport } from '../../transport/http2-transport.ts';
import type { Verdict } from '../admin-access.ts';
import { TOKEN_CHANGED } from '../server-sent-events.ts';
import { type HeldBytes, RpcCall } from './rpc-call.ts';
import { RpcError, type RpcMethod, type RpcMethods } from './rpc-method.ts';

const OPENING_WITHIN_MS = 5_000;
/** A connection without calls is closed after this time. */
const IDLE_MS = 60_000;
const LINGER_MS = 1_000;
/** How long a client waits that has sent a wrong token. */
const WRONG_TOKEN_DELAY_MS = 1_000;

const SETTINGS: LocalSettings = {
  maxConcurrentStreams: 16,
  initialWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  maxHeaderListBytes: 8 * 1024,
  maxHeaderFields: 64,
  floods: {
    resets: 50,
    streamErrors: 10,
    pings: 100,
    settings: 20,
    priorities: 100,
    windowUpdates: 1000,
    emptyData: 20,
    unknownFrames: 100,
    refusedStreams: 100,
    goAways: 10,
    lateFrames: 100,
    settingsEntries: 32,
    continuations: 8,
    interimResponses: 1,
    paddingBytes: 65_536,
    upstreamPaddingBytes: 65_536,
  },
  headerTimeoutMs: 5_000,
  settingsTimeoutMs: 10_000,
  stallTimeoutMs: 10_000,
};

/** Who asks, as far as access depends on it. */
export interface Caller {
  readonly authority: string | undefined;
  readonly authorization: string | undefined;
}

/** Bounds the answers that are being made. */
export class AnswerRoom {
  #free: number;

  constructor(most: number) {
    this.#free = most;
  }

  /** @returns whether there is room for one more. It must be given back then. */
  take(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  give(): void {
    this.#free++;
  }
}

export interface RpcConnectionParts {
  readonly methods: RpcMethods;
  readonly held: HeldBytes;
  /** 'foreign': the authority is not this server. @param page the page over HTTP/1.1 that tells the same */
  readonly judge: (caller: Caller, page: string) => Verdict | 'foreign';
  /** Counts a refused call for the log. */
  readonly onRefused: (verdict: 'missing' | 'wrong') => void;
  /** Runs the step when it is the turn of this server. */
  readonly inTurn: (step: () => void) => void;
  /** Answers that are being made, of all connections. */
  readonly room: AnswerRoom;
  /** A call was turned away, since too many answers are being made. */
  readonly onBusy: () => void;
  /** The last open call is over. */
  readonly onIdle: () => void;
  /** A fault of ours. */
  readonly onFault: (error: unknown) => void;
  readonly onClosed: (connection: RpcConnection) => void;
}

export class RpcConnection implements ConnectionHandler {
  readonly #parts: RpcConnectionParts;
  readonly #transport: Http2Transport;
  readonly #calls = new Set<RpcCall>();
  /** Of calls that are being answered: whether the client may still have them. */
  readonly #isGranted = new Map<RpcCall, () => boolean>();
  readonly #sinceMs = performance.now();
  #usedAtMs = this.#sinceMs;
  #isOpen = false;
  /** Calls that wait since one of them had a wrong token. */
  #late: RpcCall[] | undefined = undefined;
  #lateTimer: NodeJS.Timeout | undefined = undefined;

  /** @param head what was read from the socket: the client preface, and what came with it */
  constructor(socket: Socket, head: Buffer, parts: RpcConnectionParts) {
    this.#parts = parts;
    this.#transport = new Http2Transport(socket, 'server', SETTINGS, this, {
      onClosed: () => {
        clearTimeout(this.#lateTimer);
        parts.onClosed(this);
      },
    });
    this.#transport.start(head);
  }

  onRequest(stream: Stream, list: HeaderList, endStream: boolean): void {
    const path = list.get(':path') ?? '';
    const method = this.#parts.methods.get(path);
    const refusal = refusalOf(list);
    if (refusal !== undefined) {
      stream.owner = NOBODY;
      refuse(stream, refusal);
      return;
    }
    const timeout = list.get('grpc-timeout');
    const caller = {
      authority: list.get(':authority') ?? list.get('host'),
      authorization: list.get('authorization'),
    };
    const call = new RpcCall({
      stream,
      deadlineMs: timeout === undefined ? undefined : parseGrpcTimeout(timeout),
      held: this.#parts.held,
      contain: (action) => this.#contain(action),
      onRequest: (_call, request) =>
        this.#parts.inTurn(() => this.#contain(() => this.#answer(call, request, method, caller))),
      onOver: () => {
        this.#calls.delete(call);
        this.#isGranted.delete(call);
        this.#usedAtMs = performance.now();
        if (this.#calls.size === 0) this.#parts.onIdle();
      },
    });
    this.#calls.add(call);
    stream.owner = call;
    const isCompressed = (list.get('grpc-encoding') ?? 'identity') !== 'identity';
    if (method === undefined) call.end(new RpcError(GrpcStatus.UNIMPLEMENTED, `there is no method ${path}`));
    else if (isCompressed)
      call.end(new RpcError(GrpcStatus.UNIMPLEMENTED, 'compressed requests are not read'));
    else if (endStream) call.onTrailers();
  }

  #answer(call: RpcCall, request: Buffer, method: RpcMethod | undefined, caller: Caller): void {
    // The client has ended it while it waited for its turn.
    if (call.isOver) return;
    try {
      // One wrong token a second: nothing else is compared meanwhile.
      if (this.#late !== undefined) this.#late.push(call);
      else if (method !== undefined) {
        const page = method.pageOf(request);
        if (!this.#admits(call, page, caller)) return;
        this.#isGranted.set(call, () => this.#parts.judge(caller, page) === 'granted');
        this.#begin(call, request, method);
      }
    } catch (error) {
      this.#fail(call, error);
    }
  }

  #begin(call: RpcCall, request: Buffer, method: RpcMethod): void {
    if (method.begin !== undefined) {
      call.keepOpen(method.begin(request, call));
      return;
    }
    const { room, onBusy } = this.#parts;
    if (!room.take()) {
      onBusy();
      throw new RpcError(GrpcStatus.RESOURCE_EXHAUSTED, 'the admin server has too much to do; ask again');
    }
    answerOf(method, request)
      .then((message) => call.respond(message))
      .catch((error: unknown) => this.#fail(call, error))
      .finally(() => room.give());
  }

  #admits(call: RpcCall, page: string, caller: Caller): boolean {
    const verdict = this.#parts.judge(caller, page);
    if (verdict === 'granted') return true;
    if (verdict === 'foreign') {
      const text =
        'the authority must be an IP address, localhost, or the name in admin.address: others are refused, as over HTTP/1.1';
      call.end(new RpcError(GrpcStatus.PERMISSION_DENIED, text));
      return false;
    }
    this.#parts.onRefused(verdict);
    if (verdict === 'wrong') this.#answerLate(call);
    else {
      const text = 'this needs the token of admin.token as metadata: authorization: Bearer TOKEN';
      call.end(new RpcError(GrpcStatus.UNAUTHENTICATED, text));
    }
    return false;
  }

  /** As over HTTP/1.1: a wrong token is answered late and ends the connection, which bounds how many can be tried in a second. */
  #answerLate(call: RpcCall): void {
    const late = [call];
    this.#late = late;
    this.#lateTimer = setTimeout(
      () =>
        this.#contain(() => {
          const wrong = new RpcError(GrpcStatus.UNAUTHENTICATED, 'this is not the token of admin.token');
          for (const one of late) one.end(wrong);
          this.#leave('a wrong token');
        }),
      WRONG_TOKEN_DELAY_MS,
    ).unref();
  }

  #fail(call: RpcCall, error: unknown): void {
    if (error instanceof RpcError) {
      call.end(error);
      return;
    }
    this.#parts.onFault(error);
    call.end(new RpcError(GrpcStatus.INTERNAL, 'the answer could not be made; the log has the error'));
  }

  /** Must be called about once a second. */
  checkTime(nowMs: number): void {
    this.#contain(() => {
      this.#transport.checkTime(nowMs, 'the client');
      if (!this.#isOpen && nowMs - this.#sinceMs >= OPENING_WITHIN_MS) {
        const text = 'no HTTP/2 preface and SETTINGS in time';
        this.#transport.connection.giveUp(
          new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, 'preface_timeout', text),
        );
        this.#transport.close();
      } else if (this.#calls.size === 0 && nowMs - this.#usedAtMs >= IDLE_MS) this.#leave('idle');
    });
  }

  /** Must be called when the token has changed: ends the calls that are no longer granted. */
  tokenChanged(): void {
    this.#contain(() => {
      const error = new RpcError(GrpcStatus.UNAUTHENTICATED, TOKEN_CHANGED);
      for (const [call, isGranted] of this.#isGranted) if (!isGranted()) call.end(error);
    });
  }

  /** Ends all calls with UNAVAILABLE, and then the connection. */
  close(reason: string): void {
    this.#contain(() => {
      const error = new RpcError(GrpcStatus.UNAVAILABLE, reason);
      for (const call of this.#calls) call.end(error);
      this.#leave(reason);
    });
  }

  /** Ends the connection at once. */
  destroy(reason: string): void {
    this.#transport.destroy(reason);
  }

  #leave(reason: string): void {
    const { connection } = this.#transport;
    connection.goAway(connection.lastPeerStreamId, ErrorCode.NO_ERROR, reason);
    this.#transport.close(LINGER_MS);
  }

  #contain(action: () => void): void {
    try {
      action();
    } catch (fault) {
      this.#transport.fail(fault);
    }
  }

  onSettings(): void {
    this.#isOpen = true;
  }

  onGoAway(): void {
    // The client opens no more streams, and closes the connection itself.
  }

  onPingAcknowledged(): void {
    // Nothing is asked by PING.
  }

  onCaughtUp(): void {
    // Nothing is asked by SETTINGS.
  }

  onOutputDrained(): void {
    // The streams that wait for room are told by the connection itself.
  }

  /** What clients do wrong has ended their connection or stream, and is of no further interest. */
  onViolation(error: ConnectionError | StreamError): void {
    if (error.token === INTERNAL_ERROR) this.#parts.onFault(error);
  }
}

/** Rejects with what the method throws, too. */
async function answerOf(method: RpcMethod, request: Buffer): Promise<Buffer> {
  if (method.answer === undefined) throw new Error('a method of the admin server has no answer');
  return method.answer(request);
}

interface Refusal {
  readonly status: string;
  readonly text: string;
}

function refusalOf(list: HeaderList): Refusal | undefined {
  if (list.overflowedAt !== undefined) return { status: '431', text: 'the header section is too large' };
  if (list.get(':method') === 'POST' && isGrpcContentType(list.get('content-type'))) return undefined;
  const text =
    'over HTTP/2 the admin server answers gRPC only: grpc.health.v1.Health and grpc.channelz.v1.Channelz; ask for its pages over HTTP/1.1';
  return { status: '415', text };
}

function refuse(stream: Stream, { status, text }: Refusal): void {
  const body = Buffer.from(`${text}\n`);
  const head = new HeaderList();
  head.add(':status', status);
  head.add('content-type', 'text/plain; charset=utf-8');
  head.add('content-length', String(body.length));
  stream.sendHeaders(head, false);
  // Without the room for it, the client sees the stream end.
  stream.sendData(body, 0, body.length, true);
  stream.reset(ErrorCode.NO_ERROR);
}

/** Owns the streams of refused requests. */
const NOBODY: StreamOwner = {
  onResponse() {},
  onData() {},
  onTrailers() {},
  onWritable() {},
  onReset() {},
  onRefused() {},
  onConnectionLost() {},
};
