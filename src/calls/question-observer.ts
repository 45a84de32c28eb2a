// Told of the questions that policies ask services about calls: how they were answered, and how long it took.

/**
 * - allowed, denied: the service has answered.
 * - failed: there was no answer that can be used, and the call was refused for that.
 * - passed: there was none either, and the call passed.
 */
export type QuestionResult = 'allowed' | 'denied' | 'failed' | 'passed';

export interface AskedQuestion {
  /** The key of the policy in the configuration of a route. */
  readonly policy: string;
  /** The name of the upstream that was asked. */
  readonly upstream: string;
  readonly result: QuestionResult;
  readonly tookMs: number;
  /** Why there was no answer: a sentence without its full stop. '' if there was one. */
  readonly why: string;
  /** The token of the diagnosis that there was no answer. */
  readonly tokenOfSilence: string;
}

export interface QuestionObserver {
  /** Called once for each question, unless the call has ended before its answer. Must not throw. */
  asked(question: AskedQuestion): void;
}

export const UNOBSERVED: QuestionObserver = { asked: () => undefined };
