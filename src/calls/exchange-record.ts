// The record of a finished exchange. The log, metrics and traces are all made from it.

import type { CallTrace } from './call-trace.ts';
import type { InjectedFault } from './injected-fault.ts';
import type { Blocker } from './live-exchange.ts';

/** Who ended the exchange: the client, the service, or a decision of the proxy. */
export type EndedBy = 'downstream' | 'upstream' | 'framegate';

/** Values that observers keep with a kind of call, by ObserverSlot. They must follow from what all calls of a kind have in common. */
export type KeptBySlot = unknown[];

/**
 * The part of a record that is the same for all calls with the same header fields on one downstream connection. Calls of one kind share
 * `kept`, and may differ in the client that a trusted peer names (`clientKey`, `clientAddress`) and in their header fields (`receivedHeader`).
 */
export interface ExchangeSubject {
  readonly listener: string;
  /** Address and port of the peer. */
  readonly client: string;
  /** The counted address of the client: of the peer, or, if the peer is trusted, of the client that it names. '' if unknown. */
  readonly clientKey: string;
  /** As AdmittedCall.clientAddress. */
  readonly clientAddress: string;
  /** Whether the peer is trusted, so that each call of the connection may come from another client. */
  readonly namesOtherClients: boolean;
  /** TLS version of the downstream connection. '' means plaintext. */
  readonly tls: string;
  readonly authority: string;
  /** The request's :path, as the client sent it. */
  readonly method: string;
  /** Name of the matched route, or '' if none matched. */
  readonly route: string;
  readonly upstream: string;
  /**
   * A header field of the request as the client sent it, one character for each byte; several of one name are joined by a comma and a space,
   * those of `cookie` by a semicolon and a space.
   * Undefined if there is none, or if nobody who reads the fields of calls was there when the call began. Missing if the subject is that of no
   * request.
   * @param name in lower case
   */
  receivedHeader?(name: string): string | undefined;
  /** Values that observers keep for this kind of call, each at its ObserverSlot. Initially empty. */
  readonly kept: KeptBySlot;
}

/** What an exchange has carried. */
export interface ExchangeTraffic {
  /** DATA bytes without padding. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** gRPC messages, counted by their five-byte prefix. 0 if the exchange is not gRPC. */
  readonly requestMessages: number;
  readonly responseMessages: number;
}

/** How long limits of the route have held back a call, in whole milliseconds, 1 or more. Undefined if they have not. */
export interface PacedCall {
  readonly requestPacedMs?: number | undefined;
  readonly responsePacedMs?: number | undefined;
}

export interface ExchangeRecord extends ExchangeTraffic, PacedCall {
  readonly subject: ExchangeSubject;
  /** A number from RequestIds, different for each exchange of the process. */
  readonly number: number;
  /** The endpoint of the last attempt, or '' if none was made. */
  readonly endpoint: string;
  /** Name of the gRPC status ('OK'), or '' if the exchange is not gRPC or no status was seen. */
  readonly grpcStatus: string;
  /** HTTP status sent downstream, or 0 if none was sent. */
  readonly httpStatus: number;
  readonly startedAtEpochMs: number;
  readonly durationMs: number;
  /** The client's own deadline, its grpc-timeout. Undefined if it sent none. */
  readonly deadlineMs?: number | undefined;
  /** From the beginning to the first byte of the content of the service's response. Undefined if none has come. */
  readonly firstMessageMs?: number | undefined;
  readonly attempts: number;
  /** The endpoints tried, in order, the first eight at most. Undefined if there was one attempt at most. */
  readonly endpoints?: readonly string[] | undefined;
  readonly endedBy: EndedBy;
  /** Who blocked the call when its client or its deadline gave it up. Undefined if nobody did, or if it ended otherwise. */
  readonly blockedBy?: Blocker | undefined;
  /** One sentence, or '' for an ordinary end. If the proxy ended the exchange, a stable token and a colon precede the sentence. */
  readonly reason: string;
  /** Whether the proxy has answered the call as the configuration wants it: `respond` or `redirect`, or a question of a browser (CORS). */
  readonly isAnswer?: boolean | undefined;
  /**
   * Whether the proxy has refused the call because of a mistake of its client, such as another protocol than that of the port, before a service
   * had it. Its status may be one that blames the service otherwise.
   */
  readonly isClientMistake?: boolean | undefined;
  /** A number from RequestIds, or the client's own x-request-id if it is kept. '' if there is none. */
  readonly requestId: string | number;
  /** Who the client has shown to be. Undefined if it was not asked. */
  readonly identity?: string | undefined;
  /** The faults that the route has injected into the call, in their order. Undefined if there are none. */
  readonly faults?: readonly InjectedFault[] | undefined;
  /** What limits would have done to the call that are only tried. Undefined if there are none. */
  readonly dryRuns?: readonly InjectedFault[] | undefined;
  /** Undefined if the call is not traced. */
  readonly trace?: CallTrace | undefined;
}
