// Asks about a call again while it runs, for a policy that asks a service. The call goes on meanwhile, and a refusal ends it.

import type { Failure } from '../calls/failure.ts';
import type { PendingQuestion, Questioner } from '../calls/policy.ts';
import type { DeadlineWheel, Timed } from '../transport/deadline-wheel.ts';
import { Question, type QuestionOwner } from './question.ts';

/** The exchange. */
export interface RecheckedCall {
  readonly subject: { readonly timeoutMs: number | undefined };
  readonly durationMs: number;
  abort(cause: Failure): void;
  /** Must not throw. */
  fault(error: unknown): void;
}

export class Recheck implements Timed, QuestionOwner {
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;
  readonly #call: RecheckedCall;
  readonly #wheel: DeadlineWheel;
  readonly #ask: (questioner: Questioner) => PendingQuestion | undefined;
  #question: Question | undefined = undefined;

  constructor(
    call: RecheckedCall,
    wheel: DeadlineWheel,
    delayMs: number,
    ask: (questioner: Questioner) => PendingQuestion | undefined,
  ) {
    this.#call = call;
    this.#wheel = wheel;
    this.#ask = ask;
    const { subject, durationMs } = call;
    // Most calls end by their own deadline long before.
    if (subject.timeoutMs === undefined || subject.timeoutMs - durationMs > delayMs) wheel.set(this, delayMs);
  }

  onTimer(): void {
    const question = new Question('recheck', this.#wheel, this);
    this.#question = question;
    try {
      question.ask(this.#ask(question));
      if (!question.isAnswered) return;
      // Answered at once; otherwise `answered` is called.
      this.#question = undefined;
      if (question.refusal !== undefined) this.#call.abort(question.refusal);
    } catch (error) {
      question.close();
      this.#call.fault(error);
    }
  }

  answered(refusal: Failure | undefined): void {
    this.#question = undefined;
    if (refusal === undefined) return;
    try {
      this.#call.abort(refusal);
    } catch (error) {
      this.#call.fault(error);
    }
  }

  policyFault(error: unknown): void {
    this.#call.fault(error);
  }

  /** May be called twice. */
  close(): void {
    this.#wheel.clear(this);
    this.#question?.close();
  }
}
