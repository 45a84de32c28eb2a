// A policy is a rule of a route that may refuse, answer, change or translate the route's calls. Each method of a policy is called at a
// fixed point of an exchange. A policy implements only the methods it needs; a method that no policy of a route has costs nothing.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { AddedFields } from './added-fields.ts';
import type { CallStream } from './call-stream.ts';
import type { Caller } from './caller.ts';
import type { Translator } from './client-call.ts';
import type { ClientCertificate } from './client-certificate.ts';
import type { ExchangeSubject } from './exchange-record.ts';
import type { Failure } from './failure.ts';
import type { FlowLimits } from './flow-limits.ts';
import type { InjectedFault } from './injected-fault.ts';
import type { LocalResponse } from './local-response.ts';
import type { RetryPolicy } from './retry-policy.ts';
import type { Asker } from './unary-service.ts';

/** What all requests of one kind have in common. Decisions that depend on nothing else are made once for all of them. */
export interface RequestKind {
  readonly listener: string;
  /** The address of the peer, without its port. */
  readonly clientAddress: string;
  /** The TLS version of the client's connection. '' means plaintext. */
  readonly tls: string;
  /** Whether the fields by which the peer describes other clients are believed (`trustedClients`). */
  readonly trusted: boolean;
  /** The host and port that the request names. '' if it names none. */
  readonly authority: string;
  /** The request's :path, as the client sent it. */
  readonly path: string;
  /** The request's :method. */
  readonly httpMethod: string;
  /** Whether a service would get a gRPC call, perhaps after a translation. */
  readonly isGrpc: boolean;
  /**
   * The value of the header field of this name, or undefined. If the name occurs several times, the values are joined by a comma and a
   * space.
   * @param name in lower case, one of the policy's `reads`. Throws for other names: the decision would otherwise be kept for requests
   * whose field has another value.
   */
  header(name: string): string | undefined;
  /** Whether a route of the configuration names this host, which is given in lower case and without port. */
  isConfiguredHost(host: string): boolean;
}

/**
 * How a policy changes a header section that is passed on. Pseudo-header fields stay as they are, and the fields that each hop writes
 * itself (content-length, host, te ...) cannot be set. The edited fields are also removed from the trailer section of the message.
 */
export interface HeaderEdit {
  /**
   * Replaces all fields of this name by one.
   * @param name in lower case
   * @param value one character for each byte, ASCII or UTF-8. Throws if it contains characters that no field may contain.
   */
  set(name: string, value: string): void;
  /** Adds a field beside those of the same name. Name and value are as in `set`. */
  add(name: string, value: string): void;
  /** Removes all fields of this name. @param name in lower case */
  remove(name: string): void;
}

/** How a policy changes a header section of one call, whose other fields are not known when it decides. */
export interface CallEdit extends HeaderEdit {
  /** As `set`, but only if there is a field of this name. */
  setIfPresent(name: string, value: string): void;
  /** As `add`, but only if there is no field of this name. */
  addIfAbsent(name: string, value: string): void;
}

/** What the proxy does with a call that is not forwarded: refuse it, or answer it instead of the service. */
export type LocalDecision =
  | { readonly kind: 'refuse'; readonly failure: Failure }
  /** `reason` is for the record of the exchange: a stable token, a colon, and one sentence. */
  | { readonly kind: 'answer'; readonly response: LocalResponse; readonly reason: string };

/** One call that is about to be forwarded. */
export interface AdmittedCall {
  readonly subject: ExchangeSubject;
  /** Whether the service gets a gRPC call, perhaps after a translation. */
  readonly isGrpc: boolean;
  /** The value of the header field of this name, as in RequestKind.header. Any name may be read, since the decision is not kept. */
  header(name: string): string | undefined;
  /**
   * Adds header fields to the request of this call alone. Has no effect once the call was forwarded or has ended.
   * @param fields have names in `adds` of the route's policies. Throws for other names.
   */
  addFields(fields: AddedFields): void;
  /**
   * The address of the client, without port and brackets: of the peer, or, if the peer is trusted and names a client, of that. 'unix:'
   * for a client of a Unix socket. '' if a trusted peer names a client without an address.
   */
  readonly clientAddress: string;
  /** Undefined if the client has shown none, or none that is valid. The same object in all calls of a connection. */
  readonly clientCertificate: ClientCertificate | undefined;
  /** Why the certificate that the client has shown is not valid, in the words of OpenSSL. Undefined if it has shown none, or a valid one. */
  readonly clientCertificateFault: string | undefined;
  /** As RequestKind.trusted. */
  readonly trusted: boolean;
  /** The port of the peer. Undefined if it has none, or if it is trusted and speaks for another client. */
  readonly clientPort: number | undefined;
  /** The local port that the client has connected to. Undefined on a Unix socket. */
  readonly listenerPort: number | undefined;
  /** The server name that the client has sent in TLS (SNI). '' if it has sent none. */
  readonly serverName: string;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  /** As x-request-id tells it to the service. Made with each look. */
  readonly requestId: string;
  /** For whom services are asked about the call. */
  readonly asker: Asker;
  /**
   * The header fields as the service would be sent them if policies had changed nothing but `adds`: what an untrusted client says about
   * itself is gone. The pseudo-header fields are the client's. Made with each look.
   */
  presentedFields(): HeaderList;
  /**
   * Changes the header fields of the request of this call alone, after all other edits. Has no effect once the call was forwarded.
   * Other fields than those of `adds` may be named: the policy has to take care that no client can send them.
   */
  readonly requestEdit: CallEdit;
  /** Changes the head of the final response of this call, after all other edits. Has no effect once the client has it. */
  readonly responseEdit: CallEdit;
  /** Says who the client is, for the log and for policies that come later. */
  identify(caller: Pick<Caller, 'text' | 'key'>): void;
  /** Tells clients apart by who they are. Undefined unless a policy before has said so. Of any length, with any character. */
  readonly callerKey: string | undefined;
  /** Looks at the call again while it runs. Only the latest review counts. Has no effect once the call has ended. */
  reviewLater(review: CallReview): void;
  /**
   * Asks about the call again while it runs. The call does not wait for the answer; it ends if that is a refusal. Only the latest counts,
   * beside the latest review: an earlier question that has no answer yet is cancelled. Has no effect once the call has ended.
   * @param delayMs from now
   * @param ask as the method of a policy
   */
  askAgainAfter(delayMs: number, ask: (questioner: Questioner) => PendingQuestion | undefined): void;
  /** Notes a fault that was injected into the call on purpose, for the record. */
  noteFault(fault: InjectedFault): void;
  /**
   * Resets the stream of a gRPC call, on both sides, once so many messages have been passed on. Has no effect on other calls. Must be
   * called before the call is admitted.
   * @param cause for the record
   */
  resetAfter(reset: StreamReset, cause: Failure): void;
  /** Limits the messages and bytes of the call, beside what policies say by `limitFlow`. Must be called before the call is admitted. */
  limitFlow(limits: FlowLimits): void;
}

/** A second look at a call, for a policy whose permission has an end. */
export interface CallReview {
  /** When, in milliseconds since the Unix epoch, by the clock of the system. */
  readonly atEpochMs: number;
  /** @returns why the call ends, or undefined if it goes on */
  review(): Failure | undefined;
  /** Called once if there will be no review: the call has ended, or another review counts. Must not throw. */
  dropped?(): void;
}

export interface StreamReset {
  readonly direction: 'request' | 'response';
  /** How many whole messages are passed on. At least 1. */
  readonly messages: number;
  readonly fault: InjectedFault;
}

/** Receives the answer to a question. Only the first answer counts, and none counts after `cancel`. */
export interface Questioner {
  /** The policy lets the call pass. */
  admit(): void;
  refuse(failure: Failure): void;
}

/** A question that has been asked and not yet been answered. */
export interface PendingQuestion {
  /** How long to wait for the answer, in milliseconds: a finite number. After that the call is refused, unless `timeOver` says otherwise. */
  readonly timeoutMs: number;
  /**
   * In place of the refusal when the time is over: what the policy decides then. `cancel` is not called.
   * @returns why the call is refused, or undefined to let it pass
   */
  timeOver?(): Failure | undefined;
  /** The answer is no longer needed: the call has ended, or the time is over. Never called after the answer. */
  cancel(): void;
}

/** Translates calls of one kind between the protocol of the client and another protocol that the service speaks. */
export interface Translation {
  /** Whether the service receives a gRPC call. */
  readonly isGrpc: boolean;
  /** @returns the request's header fields as a client of the service's protocol would have sent them */
  requestFields(list: HeaderList): HeaderList;
  /**
   * Puts a translator in front of one client's stream.
   * @param onDone the translator calls this once, when the exchange has finished and all data was sent to the client's stream
   */
  begin(stream: CallStream, onDone: () => void): Translator;
}

export interface Policy {
  /** The key of the route's configuration that configures the policy. It appears in messages. */
  readonly key: string;
  /** Whether this policy serves web pages, also over HTTP/1.1. The explanation for other HTTP/1.1 clients depends on it. */
  readonly isForBrowsers?: boolean;
  /**
   * Whether the policy keeps limits that only gRPC calls can be held to. Then other requests do not reach services that speak HTTP/2, which
   * may take them for gRPC calls.
   */
  readonly isForGrpcAlone?: boolean;
  /** Names, in lower case, of the header fields (or `:method` and `:protocol`) that `decide` and `translate` depend on. */
  readonly reads?: readonly string[];
  /**
   * Names, in lower case, of the header fields that `ask` may add. Fields of these names are removed from the client's
   * request, so that the service can trust them.
   */
  readonly adds?: readonly string[];
  /**
   * Decides about all calls of a kind. Must be pure: the decision is remembered for all requests on the connection with the same method,
   * authority, path and values of `reads`. It must not depend on the time or on another service.
   * @param edit changes the header fields that the service is sent
   * @returns undefined if the policy lets the calls pass
   */
  decide?(kind: RequestKind, edit: HeaderEdit): LocalDecision | undefined;
  /**
   * Called for each call before it is forwarded. The call waits for the answer, if there is none at once. Policies ask one after the other.
   * @returns undefined if there is nothing to wait for: `questioner` has the answer already, or the call passes
   */
  ask?(call: AdmittedCall, questioner: Questioner): PendingQuestion | undefined;
  /**
   * Called for each call that all policies have admitted, right before it is forwarded.
   * @returns what limits the messages and bytes of the call, or undefined if nothing does
   */
  limitFlow?(call: AdmittedCall): FlowLimits | undefined;
  /** Edits the head of each final response, also of the proxy's own. Must be pure: edits are remembered for responses with equal fields. */
  respond?(fields: HeaderList, edit: HeaderEdit): void;
  /**
   * Edits the trailer section of each response, also of the proxy's own, and the head of a response that ends with it (gRPC's
   * Trailers-Only). Must be pure: edits are remembered for sections with equal fields.
   */
  respondTrailers?(fields: HeaderList, edit: HeaderEdit): void;
  /** When requests are sent again that an endpoint may have processed. The first policy of a route that has a retry policy decides. */
  readonly retry?: RetryPolicy;
  /**
   * Chooses how calls of a kind are translated. Must be pure, and is remembered like `decide`. The first policy of a route that returns
   * a translation is used.
   * @returns undefined if this policy does not translate the calls
   */
  translate?(kind: RequestKind): Translation | undefined;
}
