// One question of a policy to a service about one call. The call waits for no longer than the timeout, and nobody else waits at all.

import type { Failure } from '../calls/failure.ts';
import { limitText } from '../calls/limit-text.ts';
import type { PendingQuestion, Questioner } from '../calls/policy.ts';
import type { QuestionObserver, QuestionResult } from '../calls/question-observer.ts';
import type { UnaryListener, UnaryQuestion } from '../calls/unary-service.ts';

/** What all questions of a policy have in common. */
export interface QuestionTerms {
  /** The key of the policy in the configuration. */
  readonly key: string;
  /** The name of the upstream that is asked. */
  readonly upstream: string;
  readonly timeoutMs: number;
  /** Where the timeout is in the configuration, for the log. */
  readonly timeoutKey: string;
  /** Whether calls pass about which there is no answer. */
  readonly passesUnanswered: boolean;
  readonly observer: QuestionObserver;
  /** The token of the diagnosis that there was no answer. */
  readonly tokenOfSilence: string;
  /** @param why a sentence without its full stop */
  readonly unanswered: (why: string) => Failure;
}

export interface Inquiry {
  /** Sends the question. Called once. */
  begin(listener: UnaryListener): UnaryQuestion;
  /**
   * Reads the answer.
   * @returns why the call is refused, undefined to let it pass, or, if the answer cannot be used, what the service did: the end of a sentence
   */
  judge(message: Buffer): Failure | string | undefined;
  /** @returns whether the call passes all the same, since what refuses it is only tried */
  waives?(refusal: Failure): boolean;
  /** There is no answer, and the call passes. */
  isUnanswered?(): void;
  /** The call passes. It may have ended because of that. */
  passes?(): void;
  /** Whether the call runs already and goes on meanwhile. */
  readonly isOfRunningCall?: boolean;
}

/** Which part of the timeout must be over before the service is believed to be late: its clock may run ahead a little. */
const LATE_PART = 0.9;

export class ServiceQuestion implements PendingQuestion, UnaryListener {
  readonly timeoutMs: number;
  readonly #terms: QuestionTerms;
  readonly #questioner: Questioner;
  readonly #inquiry: Inquiry;
  readonly #startedAtMs = performance.now();
  readonly #question: UnaryQuestion;

  /** Asks. The answer may be there before this returns. */
  constructor(terms: QuestionTerms, questioner: Questioner, inquiry: Inquiry) {
    this.timeoutMs = terms.timeoutMs;
    this.#terms = terms;
    this.#questioner = questioner;
    this.#inquiry = inquiry;
    this.#question = inquiry.begin(this);
  }

  answered(message: Buffer): void {
    const judged = this.#inquiry.judge(message);
    if (typeof judged === 'string') {
      this.failed(`the service of upstream ${this.#terms.upstream} ${judged}`);
      return;
    }
    this.#tell(judged === undefined ? 'allowed' : 'denied');
    const isWaived = judged !== undefined && this.#inquiry.waives?.(judged) === true;
    this.#decide(isWaived ? undefined : judged);
  }

  failed(why: string, grpcStatus = ''): void {
    // The service is told the timeout, and often ends the question itself just before it is over here.
    const isLate = grpcStatus === 'DEADLINE_EXCEEDED' && this.#tookMs >= LATE_PART * this.timeoutMs;
    this.#decide(this.#withoutAnswer(isLate ? this.#lateness : why));
  }

  get #tookMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  get #lateness(): string {
    const { upstream, timeoutMs, timeoutKey } = this.#terms;
    return `the service of upstream ${upstream} has not answered in ${limitText(timeoutMs)} (${timeoutKey})`;
  }

  refused(cause: Failure): void {
    const why = cause.message.replace(/\.$/, '');
    // A call that runs already does not end because its client has harmed the service by other calls.
    if (this.#inquiry.isOfRunningCall === true) {
      this.failed(why);
      return;
    }
    this.#tell('failed', why);
    this.#questioner.refuse(cause);
  }

  cancel(): void {
    this.#question.cancel();
  }

  timeOver(): Failure | undefined {
    this.#question.expire();
    const refusal = this.#withoutAnswer(this.#lateness);
    if (refusal === undefined) this.#inquiry.passes?.();
    return refusal;
  }

  #withoutAnswer(why: string): Failure | undefined {
    const { passesUnanswered, unanswered } = this.#terms;
    this.#tell(passesUnanswered ? 'passed' : 'failed', why);
    if (!passesUnanswered) return unanswered(why);
    this.#inquiry.isUnanswered?.();
    return undefined;
  }

  #decide(refusal: Failure | undefined): void {
    if (refusal !== undefined) {
      this.#questioner.refuse(refusal);
      return;
    }
    this.#questioner.admit();
    // Afterwards: a question that is asked later takes the place of this one, which must have its answer by then.
    this.#inquiry.passes?.();
  }

  #tell(result: QuestionResult, why = ''): void {
    const { key, upstream, observer, tokenOfSilence } = this.#terms;
    observer.asked({ policy: key, upstream, result, tookMs: this.#tookMs, why, tokenOfSilence });
  }
}
