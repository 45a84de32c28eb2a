// One question that a policy has asked about a call, with a time of its own. Late answers and second answers are ignored.

import { FAULT, type Failure, policyUnanswered } from '../calls/failure.ts';
import type { PendingQuestion, Questioner } from '../calls/policy.ts';
import type { DeadlineWheel } from '../transport/deadline-wheel.ts';
import { Deadline } from './deadline.ts';

/** Who has the question asked: the admission of a call, or its recheck. */
export interface QuestionOwner {
  /** The answer has come while it was waited for, or the time is over. Must not throw. @param refusal undefined if the call passes */
  answered(refusal: Failure | undefined): void;
  /** A policy has thrown an error where its question was cancelled. Must not throw. */
  policyFault(error: unknown): void;
}

export class Question implements Questioner {
  isAnswered = false;
  /** Whether the question was closed. If that happens while the policy is still asking, `ask` cancels it. */
  #isClosed = false;
  refusal: Failure | undefined = undefined;
  readonly #key: string;
  readonly #deadlines: DeadlineWheel;
  readonly #owner: QuestionOwner;
  #pending: PendingQuestion | undefined = undefined;
  #timer: Deadline | undefined = undefined;

  constructor(key: string, deadlines: DeadlineWheel, owner: QuestionOwner) {
    this.#key = key;
    this.#deadlines = deadlines;
    this.#owner = owner;
  }

  /** @param pending what the policy has returned. Undefined if there is nothing to wait for. */
  ask(pending: PendingQuestion | undefined): void {
    this.#pending = pending;
    if (this.#isClosed) this.#cancel();
    if (this.isAnswered) {
      this.#pending = undefined;
      return;
    }
    if (pending === undefined) {
      this.isAnswered = true;
      return;
    }
    const { timeoutMs } = pending;
    if (!Number.isFinite(timeoutMs)) throw new Error(`policy ${this.#key} asks without a time to wait for`);
    this.#timer = new Deadline(this.#deadlines, this, timeoutMs);
  }

  admit(): void {
    this.#answer(undefined);
  }

  refuse(failure: Failure): void {
    this.#answer(failure);
  }

  #answer(refusal: Failure | undefined): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.refusal = refusal;
    if (this.#pending === undefined) return;
    this.#pending = undefined;
    this.#timer?.clear();
    this.#owner.answered(refusal);
  }

  deadlinePassed(): void {
    const pending = this.#pending;
    if (pending?.timeOver !== undefined) {
      this.isAnswered = true;
      this.#pending = undefined;
      this.#owner.answered(this.#timeOver(pending));
      return;
    }
    const timeoutMs = pending?.timeoutMs ?? 0;
    this.close();
    this.#owner.answered(policyUnanswered(this.#key, timeoutMs));
  }

  #timeOver(pending: PendingQuestion): Failure | undefined {
    try {
      return pending.timeOver?.();
    } catch (error) {
      this.#owner.policyFault(error);
      return FAULT;
    }
  }

  /** Required by Deadline. Not expected to be called, since deadlinePassed() throws nothing. */
  fault(error: unknown): void {
    this.#owner.policyFault(error);
  }

  /** Stops waiting for an answer. */
  close(): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.#isClosed = true;
    this.#timer?.clear();
    this.#cancel();
  }

  #cancel(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    try {
      pending?.cancel();
    } catch (error) {
      this.#owner.policyFault(error);
    }
  }
}
