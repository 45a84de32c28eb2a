// Counts the questions that policies ask services about calls, and how long the answers took. Labels are names from the configuration.

import type { AskedQuestion } from '../calls/question-observer.ts';
import { DurationHistogram } from './histogram.ts';
import { LabelledCounter } from './labelled-counter.ts';
import { histogramFamily, type MetricFamily } from './metrics-snapshot.ts';

export class QuestionMetrics {
  readonly #results = new LabelledCounter(
    'framegate_authorize_questions_total',
    'Questions to authorizers about calls, by what came of them: allowed, denied, failed (refused, since there was no answer), passed (let through without an answer).',
    ['upstream', 'result'],
  );
  readonly #times = new Map<string, DurationHistogram>();

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
    // Most configurations have no authorizer.
    if (this.#times.size === 0) return;
    yield this.#results.family;
    yield histogramFamily(
      'framegate_authorize_seconds',
      'How long calls have waited for the answer of an authorizer, also in vain.',
      Array.from(this.#times.values(), ({ block }) => block),
    );
  }
}
