// What is known of a call while it runs: plain data, for the admin API and whoever else shows running calls. It has what the access log has of a
// call and no other metadata.

import type { StreamRoom } from '../h2/stream-room.ts';

/** What a call waits for, or how far it has come. A new state may be added; none changes its meaning. */
export const CALL_STATES = [
  /** An earlier request of its HTTP/1.1 connection has no response yet. */
  'waiting_for_turn',
  /** A policy of its route has asked a question about it. */
  'waiting_for_policy',
  /** No endpoint can take it now, or the connection to its endpoint is being made. */
  'waiting_for_endpoint',
  /** An attempt has failed, and the next one has not begun. */
  'waiting_for_retry',
  /** An endpoint has the request, and the head of its response has not come. */
  'waiting_for_response',
  /** The response has begun, and neither side has ended. */
  'streaming',
  /** The response has begun, and the client has sent its whole request. */
  'request_ended',
  /** The whole response is here, and the client has not taken all of it. */
  'response_ended',
] as const;

export type CallState = (typeof CALL_STATES)[number];

/** What the client speaks. Over HTTP/2, a WebSocket is an extended CONNECT (RFC 8441). */
export type CallProtocol = 'grpc' | 'grpc-web' | 'http' | 'websocket';

export const BLOCKERS = ['client', 'service', 'framegate', 'nobody'] as const;
export type Blocker = (typeof BLOCKERS)[number];

/**
 * How a call is blocked.
 * - silent: that side has sent nothing, and it is its turn; or the service owes an answer to the keepalive.
 * - window: the flow-control window of the stream is empty. Of Framegate: the client has filled it while the call waits.
 * - connection_window: the window of the connection is empty, which its streams share.
 * - socket: the connection takes no bytes.
 * - waiting: Framegate holds the call, see its state. Of the service: its endpoints do not answer, so that none has the call.
 * - limit: a limit of the route paces the call.
 * - none: nobody blocks it.
 */
export type BlockedHow = 'silent' | 'window' | 'connection_window' | 'socket' | 'waiting' | 'limit' | 'none';

export interface Blocked {
  readonly by: Blocker;
  readonly how: BlockedHow;
  /** For how long, in milliseconds; the age of the call where none of the endpoints has it, or Framegate holds it. 0 if nobody blocks it. */
  readonly forMs: number;
  readonly sentence: string;
}

/** One direction of a call. Bytes are DATA without padding. */
export interface LiveDirection {
  /** As received. */
  readonly bytes: number;
  /** gRPC messages as received. 0 if the call is not gRPC. */
  readonly messages: number;
  /** The time since the last bytes or header section came, in milliseconds. Undefined if nothing has come. */
  readonly silentMs: number | undefined;
  /** Whether everything has come. */
  readonly hasEnded: boolean;
  /** Bytes that have come and that the other side has not taken. */
  readonly waitingBytes: number;
  /** For how long limits of the route have held back something of it since the call began, in milliseconds. Undefined if they have not. */
  readonly pacedMs?: number;
}

/** How many bytes may still be sent to the peer (`send`), and how many the peer may send (`receive`). */
export interface LiveWindow {
  readonly send: number;
  readonly receive: number;
}

/** The stream on one side. HTTP/1.1 has no windows. */
export interface LiveSide {
  readonly stream?: LiveWindow;
  readonly connection?: LiveWindow;
  /** Bytes that were sent and that the socket has not taken, of all calls on the connection. */
  readonly unsentBytes: number;
}

export interface LiveAttempt {
  /** 1 for the first attempt of the call. */
  readonly number: number;
  readonly state: 'waiting_for_endpoint' | 'waiting_for_retry' | 'sent';
  /** Undefined while no endpoint has it. */
  readonly endpoint?: string;
  /** The time since it was sent, in milliseconds. */
  readonly ageMs?: number;
}

export interface LiveExchange {
  /** Unique, also among processes and restarts. It is what Framegate itself would send as x-request-id. */
  readonly id: string;
  /** The number of the worker that carries it. Undefined where there is one process. */
  readonly worker?: number;
  /** As in the access log, and as sent to the service. */
  readonly requestId: string;
  /** As in the access log. Undefined if the call is not traced. */
  readonly traceId?: string;
  readonly listener: string;
  /** Address and port of the peer. */
  readonly client: string;
  readonly tls: string;
  readonly authority: string;
  /** The path as in the access log. */
  readonly method: string;
  readonly route: string;
  readonly upstream: string;
  /** Who the client has shown to be, as in the access log. Undefined if the route does not ask. */
  readonly identity?: string;
  readonly protocol: CallProtocol;
  readonly startedAt: string;
  readonly ageMs: number;
  readonly state: CallState;
  /** Why the call waits for an endpoint. */
  readonly waitsFor?: string;
  /** The number of the attempt whose response the client gets, or of the oldest while that is open. 0 before it has an upstream. */
  readonly attempt: number;
  /** The endpoint of that attempt. '' before it has one. */
  readonly endpoint: string;
  /** All attempts that are not over: several only where the route has `hedge`. */
  readonly attempts: readonly LiveAttempt[];
  readonly request: LiveDirection;
  readonly response: LiveDirection;
  /** The time since the last bytes in either direction, in milliseconds. */
  readonly silentMs: number;
  readonly windows: { readonly client: LiveSide; readonly service?: LiveSide };
  readonly blocked: Blocked;
}

export function liveSideOf(room: StreamRoom): LiveSide {
  const { unsentBytes } = room;
  const stream = windowOf(room.sendWindow, room.receiveWindow);
  const connection = windowOf(room.connectionSendWindow, room.connectionReceiveWindow);
  return { ...(stream && { stream }), ...(connection && { connection }), unsentBytes };
}

function windowOf(send: number | undefined, receive: number | undefined): LiveWindow | undefined {
  return send === undefined || receive === undefined ? undefined : { send, receive };
}
