// What a method of a gRPC service of the admin server is: bytes of a request in, bytes of responses out.

import type { GrpcStatus } from '../../grpc/status.ts';

/** Ends a call with a status. The text is sent to the client. */
export class RpcError extends Error {
  readonly status: GrpcStatus;

  constructor(status: GrpcStatus, text: string) {
    super(text);
    this.status = status;
  }
}

/** A call with a stream of responses, as the method that answers it sees it. */
export interface OpenCall {
  /** Whether the client has taken everything that was sent. */
  readonly isTaken: boolean;
  send(message: Buffer): void;
  end(error: RpcError): void;
}

/** What the method is told of a call with a stream of responses. */
export interface OpenCallEvents {
  /** The client has taken everything, after `isTaken` was false. */
  onTaken(): void;
  /** The call is over, whoever has ended it. */
  onOver(): void;
}

export interface RpcMethod {
  /** The page of the same kind over HTTP/1.1: who may ask for that may call this. Throws RpcError if the request cannot be read. */
  pageOf(request: Buffer): string;
  /** The one response to a call. Throws RpcError, or rejects with it, for a call without one. */
  readonly answer?: (request: Buffer) => Buffer | Promise<Buffer>;
  /** Begins a stream of responses. Throws RpcError if the call ends at once. */
  readonly begin?: (request: Buffer, call: OpenCall) => OpenCallEvents;
}

/** By path: '/grpc.health.v1.Health/Check'. */
export type RpcMethods = ReadonlyMap<string, RpcMethod>;
