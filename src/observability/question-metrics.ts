// Counts the questions that policies ask services about calls, and how long the answers took. Labels are names from the configuration.

import type { AskedQuestion } from '../calls/question-observer.ts';
import { DurationHistogram } from './histogram.ts';
import { LabelledCounter } from './labelled-counter.ts';
import { histogramFamily, type MetricFamily } from './metrics-snapshot.ts';

/** The questions of the policies of one kind. */
class AskedServices {
  readonly #name: string;
  readonly #service: string;
  readonly #results: LabelledCounter<'upstream' | 'result'>;
  readonly #times = new Map<string, DurationHistogram>();

  /** @param name of the metrics, without their unit. @param service in words: 'an authorizer' */
  constructor(name: string, service: string) {
    this.#name = name;
    this.#service = service;
    this.#results = new LabelledCounter(
      `${name}_questions_total`,
      `Questions to ${service} about calls, by what came of them: allowed, denied, failed (refused, since there was no answer), passed (let through without an answer).`,
      ['upstream', 'result'],
    );
  }

  asked({ upstream, result, tookMs }: AskedQuestion): void {
    this.#results.count({ upstream, result });
    let times = this.#times.get(upstream);
    if (times === undefined) {
      times = new DurationHistogram({ upstream });
      this.#times.set(upstream, times);
    }
    times.count(tookMs);
  }

  *families(): Iterable<MetricFamily> {
    // Most configurations ask nobody.
    if (this.#times.size === 0) return;
    yield this.#results.family;
    yield histogramFamily(
      `${this.#name}_seconds`,
      `How long calls have waited for the answer of ${this.#service}, also in vain.`,
      Array.from(this.#times.values(), ({ block }) => block),
    );
  }
}

export class QuestionMetrics {
  readonly #authorizers = new AskedServices('framegate_authorize', 'an authorizer');
  readonly #limitServices = new AskedServices('framegate_limit_service', 'a rate limit service');

  asked(question: AskedQuestion): void {
    (question.policy === 'limits' ? this.#limitServices : this.#authorizers).asked(question);
  }

  *families(): Iterable<MetricFamily> {
    yield* this.#authorizers.families();
    yield* this.#limitServices.families();
  }
}
