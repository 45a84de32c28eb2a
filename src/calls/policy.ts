// What a policy is: a rule of a route that may refuse, answer, change or translate its calls. A policy speaks at fixed moments of an
// exchange and leaves the others out; a moment that no policy of a route needs costs the calls of this route nothing.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { CallStream } from './call-stream.ts';
import type { Translator } from './client-call.ts';
import type { ExchangeSubject } from './exchange-record.ts';
import type { Failure } from './failure.ts';
import type { LocalResponse } from './local-response.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** What all requests of one kind have in common: whatever is decided by it alone is decided once for all of them. */
export interface RequestKind {
  readonly listener: string;
  /** The address of the peer, without its port. */
  readonly clientAddress: string;
  /** The TLS version of the client's connection. '' means plaintext. */
  readonly tls: string;
  /** What the peer says of other clients is believed (`trustedClients`). */
  readonly trusted: boolean;
  /** Host and port that the request names. '' where it names none. */
  readonly authority: string;
  /** The request's :path, as the client sent it. */
  readonly path: string;
  /** The request's :method. */
  readonly httpMethod: string;
  /**
   * The value of the header field of this name, or undefined. Where the name comes several times, all values as one list, with a comma
   * and a space between them.
   * @param name in lower case; one of the policy's `reads`. Throws where it is not: the decision would be kept for requests whose
   * field has another value.
   */
  header(name: string): string | undefined;
  /** Whether a route of the configuration names this host, which is given in lower case and without port. */
  isConfiguredHost(host: string): boolean;
}

/**
 * How a policy changes a header section that is passed on. Pseudo-header fields stay as they are, and what frames the message (content-length,
 * host, te ...) may not be set. A trailer section behind it loses the same fields.
 */
export interface HeaderEdit {
  /**
   * Takes away all fields of this name and puts one in their place.
   * @param name in lower case
   * @param value one character for each byte, ASCII or UTF-8. Throws where it holds what no field may hold.
   */
  set(name: string, value: string): void;
  /** Takes away all fields of this name. */
  remove(name: string): void;
}

/** What becomes of calls that are not forwarded: why they are refused, or what the proxy answers in place of the service. */
export type LocalDecision =
  | { readonly kind: 'refuse'; readonly failure: Failure }
  /** `reason` is for the record: a stable token, a colon, one sentence. */
  | { readonly kind: 'answer'; readonly response: LocalResponse; readonly reason: string };

/** One call that is about to be forwarded. */
export interface AdmittedCall {
  readonly subject: ExchangeSubject;
  /** The value of the header field of this name, as RequestKind.header gives it. Any name may be asked for: nothing of the answer is kept. */
  header(name: string): string | undefined;
  /**
   * Adds a header field to what the service is sent of this call alone. @param name one of the policy's `adds`. Throws where it is not.
   * @param value one character for each byte, ASCII or UTF-8. Throws where it holds what no field may hold.
   * Does nothing once the call has been forwarded or has ended.
   */
  addField(name: string, value: string): void;
}

/** Told the answer to a question, once. What comes after that, or after `cancel`, is ignored. */
export interface Questioner {
  /** The policy lets the call pass. */
  admit(): void;
  refuse(failure: Failure): void;
}

/** A question that has been asked and not yet been answered. */
export interface PendingQuestion {
  /** How long to wait for the answer, in milliseconds: a finite number. After that the call is refused. */
  readonly timeoutMs: number;
  /** Nobody waits for the answer any more: the call has ended. Never called after the answer. */
  cancel(): void;
}

/** How calls of a kind are translated: the service sees another protocol than the client speaks. */
export interface Translation {
  /** Whether the service is sent a gRPC call. */
  readonly isGrpc: boolean;
  /** The request's header fields as a client of the other protocol would have sent them. */
  requestFields(list: HeaderList): HeaderList;
  /**
   * Puts a translator in front of one client's stream.
   * @param onDone to be called once, when the exchange has finished and the client's stream has everything
   */
  begin(stream: CallStream, onDone: () => void): Translator;
}

export interface Policy {
  /** The key of the route under which it is configured: for the log. */
  readonly key: string;
  /** Whether pages of browsers may call by this policy, over HTTP/1.1 as well: for what other clients of HTTP/1.1 are told. */
  readonly isForBrowsers?: boolean;
  /** Names, in lower case, of the header fields (`:method` as well) that `decide` and `translate` depend on. */
  readonly reads?: readonly string[];
  /**
   * Names, in lower case, of the header fields that `admit` and `ask` may add. Fields of these names that clients send are taken away,
   * so that the service can believe what it gets.
   */
  readonly adds?: readonly string[];
  /**
   * Pure, and remembered for all requests of this kind: by listener, client connection, authority, path and the values of `reads`. What
   * time or another service can take back may not be decided here.
   * @param edit of the header fields that the service is sent
   * @returns undefined where the policy lets such calls pass
   */
  decide?(kind: RequestKind, edit: HeaderEdit): LocalDecision | undefined;
  /** For each call, before it is forwarded. @returns why not */
  admit?(call: AdmittedCall): Failure | undefined;
  /**
   * For each call, after all policies have admitted it; the call waits for the answer. Policies ask one after the other.
   * @returns undefined where nothing is to be waited for: the call passes, or `questioner` was told already
   */
  ask?(call: AdmittedCall, questioner: Questioner): PendingQuestion | undefined;
  /** For the head of each final response, the proxy's own ones included. Pure, and remembered for all responses with the same fields. */
  respond?(fields: HeaderList, edit: HeaderEdit): void;
  /** When requests are sent again. The first policy of a route that has one decides; without any see TRANSPARENT_RETRIES. */
  readonly retry?: RetryPolicy;
  /** Pure, and remembered as `decide` is. The first policy of a route that has a translation translates. @returns undefined where the call is not translated */
  translate?(kind: RequestKind): Translation | undefined;
}
