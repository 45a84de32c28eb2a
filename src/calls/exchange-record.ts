// What is known of an exchange when it is finished: the one record that log, metrics and traces are made from.

/** Who ended the exchange: the client, the service, or a decision of the proxy. */
export type EndedBy = 'downstream' | 'upstream' | 'framegate';

/**
 * The part of a record that is the same for every call of the same shape on one downstream connection. The access
 * log keeps what it rendered of it in `rendered`, the metrics what it is counted in in `counted`; whoever makes a subject
 * leaves both undefined.
 */
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
  rendered: Buffer | undefined;
  counted?: unknown;
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

/** Told of every exchange exactly once, when it is finished. The record is valid only during the call. */
export interface ExchangeObserver {
  onExchangeFinished(record: ExchangeRecord): void;
}
