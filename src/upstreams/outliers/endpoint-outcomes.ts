// How the calls at one endpoint have ended lately, as outlier detection sees it. What a client can cause alone must not take an endpoint
// away from the others: failures of one client count only while no other is served there.

import { turnNowMs } from '../../transport/turn-clock.ts';
import type { Holding } from '../holding.ts';
import { beginningOf, shownMessage } from './shown-message.ts';

/** While others were served within this time, failures of one client alone are taken for its own. */
const SERVED_LATELY_MS = 10_000;

export interface OutcomeRules {
  /** How many failures in a row are too many. */
  readonly consecutive: number;
  /** The names of the gRPC statuses that are failures. */
  readonly failingStatuses: ReadonlySet<string>;
  /** @param why what the endpoint has done, as a predicate */
  readonly onOutlier: (outcomes: EndpointOutcomes, why: string) => void;
  /** The endpoint could not be reached or was unhealthy, and is so no more. */
  readonly onReachedAgain: (outcomes: EndpointOutcomes) => void;
}

/** The trailer section of a response, or its head where that is all. */
export interface FieldSource {
  get(name: string): string | undefined;
}

/** Clients that cannot be told apart. */
const NOBODY = '';

export class EndpointOutcomes {
  readonly #rules: OutcomeRules;
  /** Successes and failures since the last call of `takeWindow`. */
  #successes = 0;
  #failures = 0;
  /** Failures without a success in between. Those of one millisecond are one: a connection that breaks ends many calls. */
  #row = 0;
  #failedAtMs = -1;
  /** The client that may have more than half of the failures of the window (Boyer and Moore's majority vote), and its lead. */
  #suspect = NOBODY;
  #lead = 0;
  /** The client with the first failure of the row, and how many are not its own. */
  #rowClient = NOBODY;
  #rowOfOthers = 0;
  /** The last client that was served, and the last one before it that is another. */
  #served = NOBODY;
  #servedAtMs = Number.NEGATIVE_INFINITY;
  #servedBeforeAtMs = Number.NEGATIVE_INFINITY;
  #lastHow = '';
  #lastMessage: string | undefined = undefined;
  /** The endpoint has just been readmitted: one failure is enough to eject it again. */
  isOnTrial = false;

  constructor(rules: OutcomeRules) {
    this.#rules = rules;
  }

  /**
   * A response has ended.
   * @param grpcStatus its name, or '' where there is none
   * @param last holds its grpc-message, where there is one
   */
  answered(grpcStatus: string, holding: Holding, last?: FieldSource): void {
    if (grpcStatus !== 'OK' && this.#rules.failingStatuses.has(grpcStatus))
      this.failed(grpcStatus, holding, last?.get('grpc-message'));
    else this.#succeeded(holding.key);
  }

  #succeeded(client: string): void {
    this.#successes++;
    this.#row = 0;
    if (client !== this.#served) {
      this.#servedBeforeAtMs = this.#servedAtMs;
      this.#served = client;
    }
    this.#servedAtMs = Math.floor(turnNowMs());
    this.isOnTrial = false;
  }

  /**
   * @param how as the end of a sentence: 'UNAVAILABLE', 'a reset'
   * @param message the grpc-message of the endpoint, as it was sent
   */
  failed(how: string, holding: Holding, message?: string): void {
    this.#failures++;
    this.#lastHow = how;
    this.#lastMessage = message === undefined ? undefined : beginningOf(message);
    const client = holding.speaksForMany ? NOBODY : holding.key;
    this.#vote(client);
    this.#addToRow(client);
  }

  /** The endpoint is reached again after it was not, or is healthy again. */
  reachedAgain(): void {
    this.#rules.onReachedAgain(this);
  }

  #addToRow(client: string): void {
    const nowMs = Math.floor(turnNowMs());
    if (this.#row === 0) {
      this.#rowClient = client;
      this.#rowOfOthers = 0;
    } else if (nowMs === this.#failedAtMs) return;
    this.#failedAtMs = nowMs;
    this.#row++;
    if (client === NOBODY || client !== this.#rowClient) this.#rowOfOthers++;
    const { consecutive } = this.#rules;
    if (this.#row < consecutive && !this.isOnTrial) return;
    const isOneClients = this.#rowOfOthers < Math.max(1, Math.floor(consecutive / 2));
    if (isOneClients && nowMs - this.#othersServedAtMs(this.#rowClient) < SERVED_LATELY_MS) return;
    const why = this.isOnTrial
      ? `failed again when it was tried: ${this.#lastFailure}`
      : `failed ${this.#row} times in a row, the last time with ${this.#lastFailure}`;
    this.#rules.onOutlier(this, why);
  }

  /** How the last call failed, with the reason that the endpoint has given. */
  get #lastFailure(): string {
    const message = shownMessage(this.#lastMessage ?? '');
    return message === '' ? this.#lastHow : `${this.#lastHow} (“${message}”)`;
  }

  #vote(client: string): void {
    if (this.#lead === 0) this.#suspect = client;
    if (client === this.#suspect) this.#lead++;
    else this.#lead--;
  }

  #othersServedAtMs(client: string): number {
    return this.#served === client ? this.#servedBeforeAtMs : this.#servedAtMs;
  }

  /** Judges the calls since the last time, and forgets them. @returns why there are too many failures among them */
  takeWindow(leastCalls: number, mostFailedPercent: number): string | undefined {
    const calls = this.#successes + this.#failures;
    const failures = this.#failures;
    const isOneClients =
      this.#suspect !== NOBODY &&
      this.#lead * 2 > failures &&
      turnNowMs() - this.#othersServedAtMs(this.#suspect) < SERVED_LATELY_MS;
    this.#successes = 0;
    this.#failures = 0;
    this.#lead = 0;
    const isTooMany = calls >= leastCalls && failures * 100 >= mostFailedPercent * calls;
    return isTooMany && !isOneClients
      ? `failed ${failures} of ${calls} calls, the last one with ${this.#lastFailure}`
      : undefined;
  }

  /** The endpoint gets no calls now, and those that still run say nothing new. */
  forget(): void {
    this.#row = 0;
    this.#successes = 0;
    this.#failures = 0;
    this.#lead = 0;
    this.#lastMessage = undefined;
    this.isOnTrial = false;
  }
}
