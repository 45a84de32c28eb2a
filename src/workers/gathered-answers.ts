// Asks all workers and merges their answers. Reports and diagnoses name the workers that did not answer. The counts of a worker that has
// ended are kept, as far as they are known.

import { type LivePage, type LiveQuery, mergeLiveParts } from '../calls/live-query.ts';
import {
  type ListenerCalls,
  mergeListenerCalls,
  mergeSocketPages,
  type SocketPage,
  type SocketQuery,
} from '../calls/socket-report.ts';
import { type DiagnosisReport, DiagnosisRing } from '../observability/diagnosis-ring.ts';
import { mergeDiagnoses } from '../observability/merged-diagnoses.ts';
import {
  type MetricsSnapshot,
  sumMetrics,
  sumMetricsInTurns,
  withoutGauges,
} from '../observability/metrics-snapshot.ts';
import { Pace } from '../observability/pace.ts';
import { mergeOlderEpochs } from '../plane/older-epochs.ts';
import type { PlaneReport, UpstreamsQuery, UpstreamsReport } from '../plane/plane.ts';
import { mergeUpstreamReports } from '../plane/upstream-report.ts';
import type { Answers, Queries, Topic } from './messages.ts';
import type { WorkerProcess } from './worker-process.ts';

interface Gathered<About extends Topic> {
  readonly answers: readonly Answers[About][];
  readonly unanswered: readonly number[];
}

interface Asking<About extends Topic> {
  readonly queries?: Queries;
  readonly onAnswer?: (worker: WorkerProcess, answer: Answers[About]) => void;
}

/** The part of an answer that names the workers that are missing from it. */
type Omission = Pick<PlaneReport, 'unanswered'>;

export class GatheredAnswers {
  /** The diagnoses of the primary itself. */
  readonly ring = new DiagnosisRing();
  readonly #workers: () => readonly WorkerProcess[];
  /** The last metrics of each worker. */
  readonly #lastMetrics = new Map<WorkerProcess, MetricsSnapshot>();
  #metricsOfEnded: MetricsSnapshot = [];
  /** The last diagnoses of each worker. */
  readonly #lastDiagnoses = new Map<WorkerProcess, DiagnosisReport>();
  #diagnosesOfEnded: DiagnosisReport = { counts: {}, recent: [], reasons: {} };

  /** @param workers returns the workers that can be asked */
  constructor(workers: () => readonly WorkerProcess[]) {
    this.#workers = workers;
  }

  async diagnoses(): Promise<DiagnosisReport & Omission> {
    const { unanswered } = await this.#gather('diagnoses', {
      onAnswer: (worker, diagnoses) => this.keep(worker, { diagnoses }),
    });
    // A worker that does not answer counts with what it has told before. One that has ended meanwhile is among the ended.
    const ofWorkers = [...this.#lastDiagnoses.values()];
    const merged = mergeDiagnoses([this.ring.report(), this.#diagnosesOfEnded, ...ofWorkers]);
    return { ...merged, ...omission(unanswered) };
  }

  async report(): Promise<PlaneReport> {
    const { answers, unanswered } = await this.#gather('report');
    return {
      calls: answers.reduce((sum, { calls }) => sum + calls, 0),
      olderEpochs: mergeOlderEpochs(answers.map(({ olderEpochs }) => olderEpochs)),
      processes: answers.flatMap(({ processes }) => processes),
      ...omission(unanswered),
    };
  }

  async upstreams(asked: UpstreamsQuery): Promise<UpstreamsReport> {
    const { answers, unanswered } = await this.#gather('upstreams', { queries: { upstreams: asked } });
    const upstreams = mergeUpstreamReports(answers.map((answer) => answer.upstreams));
    return { upstreams, ...omission(unanswered) };
  }

  async listenerCalls(): Promise<readonly ListenerCalls[]> {
    const { answers } = await this.#gather('listenerCalls');
    return mergeListenerCalls(answers);
  }

  async sockets(sockets: SocketQuery): Promise<SocketPage> {
    const { answers } = await this.#gather('sockets', { queries: { sockets } });
    return mergeSocketPages(answers, sockets);
  }

  async unusableUpstreams(): Promise<readonly string[]> {
    const { answers } = await this.#gather('unusableUpstreams');
    return [...new Set(answers.flat())];
  }

  async exchanges(query: LiveQuery): Promise<LivePage> {
    const { answers, unanswered } = await this.#gather('exchanges', { queries: { query } });
    return { ...mergeLiveParts(answers, query), ...omission(unanswered) };
  }

  /** @param own the metrics of the primary */
  async metrics(own: MetricsSnapshot): Promise<MetricsSnapshot> {
    const { answers } = await this.#gather('metrics', {
      onAnswer: (worker, answer) => this.#lastMetrics.set(worker, answer),
    });
    return sumMetricsInTurns([own, ...answers, this.#metricsOfEnded], new Pace());
  }

  /** Keeps the newest answers of a worker for the time when it has ended. */
  keep(worker: WorkerProcess, { metrics, diagnoses }: Partial<Answers>): void {
    if (metrics !== undefined) this.#lastMetrics.set(worker, metrics);
    // What arrives after the end of a worker would never be removed.
    if (diagnoses !== undefined && worker.state !== 'gone') this.#lastDiagnoses.set(worker, diagnoses);
  }

  gone(worker: WorkerProcess): void {
    const last = this.#lastMetrics.get(worker);
    this.#lastMetrics.delete(worker);
    const diagnoses = this.#lastDiagnoses.get(worker);
    this.#lastDiagnoses.delete(worker);
    if (diagnoses !== undefined) this.#diagnosesOfEnded = mergeDiagnoses([this.#diagnosesOfEnded, diagnoses]);
    if (last !== undefined) this.#metricsOfEnded = sumMetrics([this.#metricsOfEnded, withoutGauges(last)]);
  }

  async #gather<About extends Topic>(
    topic: About,
    { queries, onAnswer }: Asking<About> = {},
  ): Promise<Gathered<About>> {
    const unanswered: number[] = [];
    const asked = this.#workers().map(async (worker) => {
      const answer = await worker.ask(topic, queries);
      if (answer === undefined) unanswered.push(worker.number);
      else onAnswer?.(worker, answer);
      return answer === undefined ? [] : [answer];
    });
    return { answers: (await Promise.all(asked)).flat(), unanswered };
  }
}

function omission(unanswered: readonly number[]): Omission {
  return unanswered.length === 0 ? {} : { unanswered };
}
