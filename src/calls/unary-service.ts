// How a policy asks another service about a call: one message goes there, and one comes back. The services are upstreams of the
// configuration, with their endpoints, health, connections and TLS. Asking never blocks anyone but the call that is asked about.

import type { Failure } from './failure.ts';

/** For whom a service is asked. Places at it are shared fairly among clients, also among those who only have it asked. */
export interface Asker {
  /** The client's address as it is counted, or '' when it has none. */
  readonly key: string;
  /** True for many clients that cannot be told apart. */
  readonly speaksForMany: boolean;
  /** True when so many of the client's cancelled calls still run that it may begin no other. */
  readonly hasAbandonedTooMany: boolean;
  /** How many places the client holds. Only those who count places change this and `abandoned`. */
  held: number;
  abandoned: number;
  takeReset(nowMs: number): boolean;
}

/** What becomes of a question. One of the methods is called, once, perhaps before `ask` returns, and none after `cancel` or `expire`. */
export interface UnaryListener {
  /** The service has answered with the status OK. @param message valid only during the call */
  answered(message: Buffer): void;
  /**
   * There is no answer.
   * @param why a sentence without its full stop, for the log alone: it names endpoints
   * @param grpcStatus the name of the status that the service has answered with, if it has
   */
  failed(why: string, grpcStatus?: string): void;
  /** The service was not asked, because of what this client does to it. */
  refused(cause: Failure): void;
}

export interface UnaryQuestion {
  /** The call has ended, and the answer is not needed any more. */
  cancel(): void;
  /** The service has taken too long, which is not held against the client. */
  expire(): void;
}

/** A unary method of one upstream. */
export interface UnaryMethod {
  /** The name of the upstream. */
  readonly upstream: string;
  /** @param message encoded, without the prefix of gRPC. It must not be changed afterwards */
  ask(asker: Asker, message: Buffer, listener: UnaryListener): UnaryQuestion;
}

export interface UnaryMethodTerms {
  /** For example '/package.Service/Method'. */
  readonly path: string;
  /** What the service is told of how long it may take (grpc-timeout). No timer is set here: the asking policy calls `expire`. */
  readonly timeoutMs: number;
  /** A longer answer is refused before it has come. */
  readonly mostAnswerBytes: number;
}

/** The upstreams of a configuration, for policies that ask them. @returns undefined if there is none of this name that speaks gRPC */
export type UnaryServices = (upstream: string, terms: UnaryMethodTerms) => UnaryMethod | undefined;

export const NO_SERVICES: UnaryServices = () => undefined;
