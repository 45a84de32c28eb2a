// What one process that carries calls says of itself when it is asked: for the admin API, the metrics and the dashboard. It changes nothing.

import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { FigureTable } from '../observability/figure-table.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import { Pace } from '../observability/pace.ts';
import { olderEpochs } from './older-epochs.ts';
import type { PlaneReport, UpstreamsQuery, UpstreamsReport } from './plane.ts';
import { figuresOf, totalsOf } from './plane-figures.ts';
import type { PlaneFigures } from './process-figures.ts';
import type { ReportSources } from './report-sources.ts';
import { reportUpstreams } from './upstream-report.ts';

export class PlaneReports {
  readonly #sources: ReportSources;
  /** How many updates of endpoints were put to use. */
  endpointUpdates = 0;

  constructor(sources: ReportSources) {
    this.#sources = sources;
  }

  diagnoses(): DiagnosisReport {
    const { diagnoses, clients } = this.#sources;
    return { ...diagnoses.report(), clients: clients.report() };
  }

  async metrics(): Promise<MetricsSnapshot> {
    const { metrics, overload, log, ...now } = this.#sources;
    now.tellWaits();
    const blocked = await now.blocked();
    return metrics.collect({
      blocked,
      calls: now.load().calls,
      connections: overload.limits.openByListener,
      overload: overload.report,
      log,
      running: now.running(),
      snapshot: now.snapshot(),
      decisions: now.decisions(),
      endpointUpdates: this.endpointUpdates,
    });
  }

  report(): PlaneReport {
    const { snapshot, load, running, overload } = this.#sources;
    return {
      calls: load().calls,
      olderEpochs: olderEpochs(snapshot().epoch, running()),
      processes: [overload.report],
    };
  }

  async upstreams({ heldUp }: UpstreamsQuery): Promise<UpstreamsReport> {
    const { snapshot, countHeldUp } = this.#sources;
    const counts = heldUp ? await countHeldUp() : undefined;
    return { upstreams: reportUpstreams(snapshot().built, counts) };
  }

  totals(): FigureTable {
    return totalsOf(this.#sources);
  }

  figures(): Promise<PlaneFigures> {
    return figuresOf(this.#sources, new Pace());
  }
}
