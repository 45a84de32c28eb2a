// What is known of an exchange when it is finished: the one record that log, metrics and traces are made from.

/** Who ended the exchange: the client, the service, or a decision of the proxy. */
export type EndedBy = 'downstream' | 'upstream' | 'framegate';

/** What observers have kept with a kind of call, by ObserverSlot. */
export type KeptBySlot = unknown[];

/** The part of a record that is the same for every call of the same shape on one downstream connection. */
export interface ExchangeSubject {
  readonly listener: string;
  /** Address and port of the peer. */
  readonly client: string;
  /** Whom the call is counted for: a counted address, of the client that a trusted peer names; '' where nobody can tell. */
  readonly clientKey: string;
  /** TLS version of the downstream connection, or '' in the clear. */
  readonly tls: string;
  readonly authority: string;
  /** The request's :path, as the client sent it. */
  readonly method: string;
  /** Name of the matched route, or '' when none matched. */
  readonly route: string;
  readonly upstream: string;
  /** What observers have made of it, each at its ObserverSlot; empty at first. */
  readonly kept: KeptBySlot;
}

/** What an exchange has carried. */
export interface ExchangeTraffic {
  /** DATA octets without padding. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** gRPC messages counted by their five-byte prefix; 0 when the exchange is not gRPC. */
  readonly requestMessages: number;
  readonly responseMessages: number;
}

export interface ExchangeRecord extends ExchangeTraffic {
  readonly subject: ExchangeSubject;
  /** The endpoint of the last attempt, or '' when none was made. */
  readonly endpoint: string;
  /** Name of the gRPC status ('OK'), or '' when the exchange is not gRPC or no status was seen. */
  readonly grpcStatus: string;
  /** HTTP status sent downstream, or 0 when none was. */
  readonly httpStatus: number;
  readonly startedAtEpochMs: number;
  readonly durationMs: number;
  readonly attempts: number;
  readonly endedBy: EndedBy;
  /** One sentence; where the proxy decided, a stable token and a colon stand before it. '' for an ordinary end. */
  readonly reason: string;
  /** The number that RequestIds gave, or the client's own x-request-id where that is kept; '' when there is none. */
  readonly requestId: string | number;
}
