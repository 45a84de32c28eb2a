// The faults that a route injects into its calls, in the form the program uses.

export interface FaultConfig {
  /** The share of the calls that have the fault, from 0 to 1. */
  readonly share: number;
  /** Only calls of trusted clients with this header field have the fault. In lower case. Undefined means calls of all clients. */
  readonly header: string | undefined;
  readonly delayMs: number | undefined;
  readonly abort: FaultAbort | undefined;
  readonly resetAfter: FaultReset | undefined;
  /** How many bytes of each direction of a call pass in a second. */
  readonly throttleBytesPerSecond: number | undefined;
}

/** The status of an aborted call: the name of a gRPC status other than OK, or an HTTP status from 400 to 599. */
export type FaultAbort = { readonly grpcStatus: string } | { readonly httpStatus: number };

export interface FaultReset {
  /** How many whole messages are passed on. At least 1. */
  readonly messages: number;
  /** Whose messages count. */
  readonly direction: 'request' | 'response';
}
