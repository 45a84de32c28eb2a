// The export of spans as the control part sees it: one process for the whole proxy, however many processes carry calls. It follows the
// configuration, says in the log how the export fares, and counts what has become of spans.

import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type Change, NO_CHANGE } from '../config/change.ts';
import type { TraceConfig } from '../config/trace-config.ts';
import { readTraceHeaders } from '../config/trace-headers.ts';
import { findingOf, UnusableConfig } from '../config/unusable-config.ts';
import type { Logger } from '../observability/logger.ts';
import { counterFamily, type MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import { packageVersion } from '../observability/package-version.ts';
import { type ExporterCounts, type ExporterEvents, ExporterProcess } from '../tracing/exporter-process.ts';
import type { ExporterOptions } from '../tracing/span-exporter.ts';
import type { DeliverSpans } from '../tracing/span-lines.ts';
import { forkCommand } from './fork-command.ts';

/** How long the exporter of an earlier configuration, and that of a stopping proxy, may take for what is left. */
const CLOSE_MS = 3000;
/** How long the former exporter still takes what processes that carry calls have for it when a reload turns traces off. */
const RETIRE_MS = 2000;
/** How often the same is said. */
const REPEAT_MS = 60_000;

/** How the export of spans fares, for the admin API. The counts are those of the proxy since its start, whatever exporters it has had. */
export interface SpanExportReport {
  /** The URL of the collector. */
  readonly exporter: string;
  readonly exported: number;
  /** How many spans the exporter has now. */
  readonly waiting: number;
  /** How many spans the collector has not taken, or were dropped. */
  readonly lost: number;
  /** Why spans cannot be exported, as in the log. Undefined if the last batch was. */
  readonly reason?: string;
}

/** Why the last batch was not exported, undefined if it was. */
interface Fate {
  reason: string | undefined;
}

interface Current {
  readonly options: ExporterOptions;
  readonly exporter: ExporterProcess;
  readonly fate: Fate;
}

export class SpanExport {
  readonly #logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly #fork: () => ChildProcess;
  readonly #counts: ExporterCounts = {
    exported: 0,
    failed: 0,
    rejected: 0,
    dropped: { queueFull: 0, exporterEnded: 0, stopped: 0 },
  };
  #limited = 0;
  readonly #instance = randomUUID();
  #current: Current | undefined = undefined;
  /** The former one, until it is closed. */
  #retiring: (Current & { readonly timer: NodeJS.Timeout }) | undefined = undefined;
  /** Exporters of earlier configurations that end. */
  readonly #closing = new Set<Promise<void>>();
  /** When each kind of line was written last. */
  readonly #saidAtMs = new Map<string, number>();

  constructor(logger: Pick<Logger, 'info' | 'warn' | 'error'>, fork = () => forkCommand('export-spans')) {
    this.#logger = logger;
    this.#fork = fork;
  }

  /** The id of the process that exports now, for tests. */
  get pid(): number | undefined {
    return this.#current?.exporter.pid;
  }

  /** Starts another process if the options of the exporter change. Rejects with UnusableConfig if it cannot work. */
  async prepare(config: TraceConfig | undefined): Promise<Change> {
    const before = this.#current;
    if (config === undefined && before === undefined) return NO_CHANGE;
    const options = config && this.#optionsOf(config);
    if (isDeepStrictEqual(options, before?.options)) return NO_CHANGE;
    const next = options && (await this.#start(options));
    return {
      commit: () => {
        this.#current = next;
        if (before !== undefined) this.#retire(before);
      },
      discard: () => next?.exporter.kill(),
    };
  }

  #optionsOf({ exporter, headers, service }: TraceConfig): ExporterOptions {
    return {
      ...exporter,
      headers: readTraceHeaders(headers),
      source: { service, version: packageVersion(), instance: this.#instance },
    };
  }

  async #start(options: ExporterOptions): Promise<Current> {
    const fate: Fate = { reason: undefined };
    const exporter = new ExporterProcess({
      fork: this.#fork,
      options,
      counts: this.#counts,
      events: this.#eventsOf(options.url, fate),
    });
    try {
      await exporter.start();
    } catch (error) {
      throw new UnusableConfig([findingOf(['trace'], error)]);
    }
    return { options, exporter, fate };
  }

  #retire(before: Current): void {
    this.#closeRetiring();
    const timer = setTimeout(() => this.#closeRetiring(), RETIRE_MS);
    timer.unref();
    this.#retiring = { ...before, timer };
  }

  #closeRetiring(): void {
    if (this.#retiring === undefined) return;
    clearTimeout(this.#retiring.timer);
    this.#close(this.#retiring);
    this.#retiring = undefined;
  }

  #close({ exporter }: Current): void {
    const closing = exporter.close(CLOSE_MS).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Takes spans of the processes that carry calls. */
  readonly take: DeliverSpans = ({ lines, count, dropped, limited }, taken) => {
    this.#counts.dropped.queueFull += dropped;
    this.#limited += limited;
    const { exporter } = this.#current ?? this.#retiring ?? {};
    if (count > 0 && exporter !== undefined) {
      exporter.take(lines, count, taken);
      return;
    }
    this.#counts.dropped.stopped += count;
    taken();
  };

  #eventsOf(exporter: string, fate: Fate): ExporterEvents {
    const logger = this.#logger;
    return {
      onFailing: (reason, lost) => {
        fate.reason = reason;
        if (lost > 0) {
          if (this.#isNews(`lost ${exporter}`))
            logger.warn(
              { exporter, reason, spans: lost },
              'spans cannot be exported: their batch is given up, and they are lost',
            );
        } else if (this.#isNews(`failing ${exporter}`))
          logger.warn(
            { exporter, reason },
            'spans cannot be exported: they wait and are sent again, and what finds no room is dropped',
          );
      },
      onRecovered: () => {
        fate.reason = undefined;
        if (this.#isNews(`recovered ${exporter}`)) logger.info({ exporter }, 'spans are exported again');
      },
      onRejected: (spans) => {
        if (this.#isNews(`rejected ${exporter}`))
          logger.warn({ exporter, spans }, 'the collector has rejected some spans of a batch');
      },
      onEnded: (how, fault, pauseMs) => {
        fate.reason = 'process_ended';
        if (!this.#isNews('ended')) return;
        const error = fault && { error: fault.name, places: fault.places };
        logger.error(
          { exporter, how, ...error, startsInMs: pauseMs },
          'the process that exports spans has ended: calls go on, its spans are dropped, and it is started again; please report this',
        );
      },
      onStartedAgain: () => {
        // The new process has not tried yet.
        fate.reason = undefined;
        if (this.#isNews('started'))
          logger.info({ exporter }, 'the process that exports spans is started again');
      },
    };
  }

  #isNews(kind: string): boolean {
    const nowMs = performance.now();
    const saidAtMs = this.#saidAtMs.get(kind);
    if (saidAtMs !== undefined && nowMs - saidAtMs < REPEAT_MS) return false;
    this.#saidAtMs.set(kind, nowMs);
    return true;
  }

  /** Undefined without `trace`. */
  get report(): SpanExportReport | undefined {
    if (this.#current === undefined) return undefined;
    const { options, exporter, fate } = this.#current;
    const { exported, failed, rejected, dropped } = this.#counts;
    return {
      exporter: options.url,
      exported,
      waiting: exporter.waiting,
      lost: failed + rejected + dropped.queueFull + dropped.exporterEnded + dropped.stopped,
      ...(fate.reason !== undefined && { reason: fate.reason }),
    };
  }

  get metrics(): MetricsSnapshot {
    const { exported, failed, rejected, dropped } = this.#counts;
    const { queueFull, exporterEnded, stopped } = dropped;
    const results = {
      exported,
      failed,
      rejected,
      dropped: queueFull + exporterEnded + stopped,
      limited: this.#limited,
    };
    const reasons = { queue_full: queueFull, exporter_ended: exporterEnded, stopped };
    return [
      counterFamily(
        'framegate_trace_spans_total',
        'Spans, by what has become of them: exported, failed, rejected, dropped, or limited, of too many failed calls in a second.',
        Object.entries(results).map(([result, value]) => ({ labels: { result }, value })),
      ),
      counterFamily(
        'framegate_trace_spans_dropped_total',
        'Spans that were dropped, by why: too many waited, the process that exports them ended, or no time was left at the end.',
        Object.entries(reasons).map(([reason, value]) => ({ labels: { reason }, value })),
      ),
    ];
  }

  /** Exports what is left, for some seconds at most. Never rejects. */
  async close(): Promise<void> {
    this.#closeRetiring();
    if (this.#current !== undefined) this.#close(this.#current);
    this.#current = undefined;
    await Promise.all(this.#closing);
  }
}
