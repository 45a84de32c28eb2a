// What an exchange and its attempts need of each other, whether the attempts follow one another (AttemptSeries) or run at the same time
// (HedgedAttempts).

import type { AttemptListener } from '../calls/attempt-listener.ts';
import type { CallStream } from '../calls/call-stream.ts';
import type { AttemptEnd } from '../calls/retry-policy.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { FieldSource } from './attempt-fields.ts';
import type { ExchangeHome } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';

/** The call that attempts are made for. */
export interface Call extends AttemptListener, FieldSource {
  readonly subject: RequestHead;
  readonly home: ExchangeHome;
  /** No endpoint can take the call, and waiting for one is pointless. */
  unavailable(diagnosis: Diagnosis): void;
  /** An attempt had no response in the time that the retry policy gives it. */
  attemptTimedOut(limitMs: number): void;
  /** An attempt is about to be sent. Called only if an observer needs to know. */
  attempting(endpoint: string): void;
  /** A request that has waited for a place was sent. */
  placed?(): void;
}

/** One attempt as reports show it. The number is 1 for the first attempt of the exchange. */
export type AttemptState =
  /** It waits for a place at an endpoint, or for its time. */
  | { readonly stage: 'queued'; readonly number: number }
  | { readonly stage: 'paused'; readonly number: number }
  | {
      readonly stage: 'sent';
      readonly number: number;
      readonly endpoint: string;
      readonly stream: CallStream;
      /** In whole milliseconds of performance.now(). 0 while it has no connection to an HTTP/1.1 service. */
      readonly sentAtMs: number;
      /** How long ago a keepalive asked its endpoint, which owes the answer, in milliseconds. Undefined if it owes none. */
      readonly unansweredMs?: number | undefined;
    };

/** The attempts of one exchange. */
export interface Attempts {
  /** Those that are not over, for reports only. The first is the one whose response the client gets, or the oldest while that is open. */
  readonly states: readonly AttemptState[];
  /**
   * The address, as configured, of the endpoint whose response the client gets. Before that is decided, of the endpoint tried last, or
   * longest. '' before the first attempt.
   */
  readonly endpoint: string;
  /** The addresses of the endpoints tried, in order, the first eight at most. Undefined if there was one attempt at most. */
  readonly endpoints: readonly string[] | undefined;
  /** Whether an endpoint has the request. */
  readonly isUnderWay: boolean;
  /** The number of attempts so far. */
  readonly count: number;
  /** How many attempts the policy of the route has granted. */
  readonly retries: number;
  /** Why there was no further attempt although the policy would have granted it. '' if that is not so. */
  readonly note: string;
  /** How long the head of the response is held back. 0 if no other response could take its place. */
  readonly holdMs: number;
  /** Sends the request now, or when an endpoint can take it. */
  begin(): void;
  /** Ends the request with the client's trailer section. */
  sendTrailers(list: HeaderList): void;
  /** The client has sent its whole request, in DATA. */
  requestEnded(): void;
  /** The head of a response has arrived. */
  responded(): void;
  /** From now on the request is never sent again, since the client has a part of a response, or is about to get one. */
  commit(): void;
  /**
   * Offers a response before the request is committed to it.
   * @param head the section with the status, which ends the response
   * @returns whether the request is sent again instead
   */
  triesAgainAfter(head: ResponseHead): boolean;
  /**
   * @param end how the attempt ended. The client must not have received any part of its response.
   * @returns whether the request is sent again
   */
  tryAgain(end: AttemptEnd): boolean;
  /** Counts the attempt as failed, since the endpoint has sent something that cannot be passed on. */
  blame(): void;
  /** Releases the places of all attempts, or stops waiting for one. May be called twice. */
  end(code: number): void;
}
