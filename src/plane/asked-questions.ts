// What becomes of the questions that policies ask services: they are counted, and the log says when there is no answer.

import type { QuestionObserver } from '../calls/question-observer.ts';
import type { QuestionMetrics } from '../observability/question-metrics.ts';
import type { ProcessLog } from './process-log.ts';

export function askedQuestions(metrics: QuestionMetrics, log: ProcessLog): QuestionObserver {
  return {
    asked: (question) => {
      metrics.asked(question);
      if (question.result === 'failed' || question.result === 'passed') log.unanswered(question);
    },
  };
}
