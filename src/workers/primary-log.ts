// Logs and counts what only the primary sees, such as refused clients and a lack of descriptors, and adds it to the answers of the
// workers.

import { makeRefusal } from '../listeners/refusal.ts';
import { EventMetrics } from '../observability/event-metrics.ts';
import { TOTALS_LAYOUT } from '../observability/figure-layouts.ts';
import { type LogState, logFamilies } from '../observability/log-metrics.ts';
import type { Logger } from '../observability/logger.ts';
import { counterFamily, type MetricsSnapshot, single } from '../observability/metrics-snapshot.ts';
import { processMetrics, processUse } from '../observability/process-metrics.ts';
import { DescriptorWatch } from '../plane/descriptor-watch.ts';
import type { WorkerDeathReport, WorkerDeathsReport } from '../plane/plane.ts';
import { ProcessLog } from '../plane/process-log.ts';
import type { WorkerDeath } from './event-relays.ts';
import { GatheredAnswers } from './gathered-answers.ts';
import { GatheredFigures, type OwnFigures } from './gathered-figures.ts';
import type { WorkerProcess } from './worker-process.ts';

export class PrimaryLog {
  readonly process: ProcessLog;
  readonly answers: GatheredAnswers;
  readonly figures: GatheredFigures;
  readonly #logger: Logger;
  readonly #log: LogState;
  readonly #events = new EventMetrics({ refusals: [], failures: [], faultLayers: [] });
  #workerDeaths = 0;
  #lastDeath: WorkerDeathReport | undefined = undefined;
  #descriptors: DescriptorWatch | undefined = undefined;

  constructor({ logger, log }: { logger: Logger; log: LogState }, workers: () => readonly WorkerProcess[]) {
    this.#logger = logger;
    this.#log = log;
    this.answers = new GatheredAnswers(workers);
    this.figures = new GatheredFigures(workers, () => this.#ownFigures());
    this.process = new ProcessLog(logger, this.answers.ring, this.#events);
  }

  watchDescriptors(listeners: () => readonly string[]): void {
    this.#descriptors = new DescriptorWatch((code) => {
      const detail = `no file descriptor is left (${code}): new clients are turned away`;
      for (const name of listeners()) this.process.refused(makeRefusal(name, '', 'listener_error', detail));
    });
  }

  turnedAway(listener: string): void {
    const detail = 'no worker took the connection';
    this.process.refused(makeRefusal(listener, '', 'listener_error', detail));
  }

  workerDied(death: WorkerDeath): void {
    this.#workerDeaths++;
    this.#lastDeath = { ...death, atEpochMs: Date.now() };
  }

  /** Undefined if none has died. */
  get deaths(): WorkerDeathsReport | undefined {
    const last = this.#lastDeath;
    return last && { count: this.#workerDeaths, last };
  }

  endedBy(client: string, worker: WorkerProcess): void {
    this.#logger.warn(
      { client, worker: worker.number, workerPid: worker.pid },
      'a worker dies by what this client has sent: for ten minutes its connections go to one worker, and those of others to the rest; please report this',
    );
  }

  metrics(): Promise<MetricsSnapshot> {
    const deaths = counterFamily(
      'framegate_worker_deaths_total',
      'Workers that ended without being told to, and their calls with them.',
      single(this.#workerDeaths),
    );
    return this.answers.metrics([
      ...this.#events.families(),
      ...logFamilies(this.#log),
      ...processMetrics(),
      deaths,
    ]);
  }

  #ownFigures(): OwnFigures {
    const { cpuSeconds, ...files } = processUse();
    const usedBytes = process.memoryUsage.rss();
    const values = new Float64Array(TOTALS_LAYOUT.width);
    values[TOTALS_LAYOUT.at('refusedClients')] = this.#events.refusedCount;
    values[TOTALS_LAYOUT.at('diagnoses')] = this.answers.ring.total;
    values[TOTALS_LAYOUT.at('cpuSeconds')] = cpuSeconds;
    values[TOTALS_LAYOUT.at('memoryBytes')] = usedBytes;
    const state = { worker: undefined, pid: process.pid, state: 'serving', epoch: 0 };
    return {
      totals: { keys: [''], values },
      process: { ...state, memory: { usedBytes }, cpuSeconds, ...files },
    };
  }

  close(): void {
    this.#descriptors?.close();
  }
}
