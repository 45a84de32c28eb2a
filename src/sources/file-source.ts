// The configuration file as a source. It is read again at each request for a reload, and when it has changed. Reloads run one at a time;
// all requests during a reload share the next one. A file that cannot be used changes nothing, and its problems are reported with their
// places.

import type { ConfigChanges } from '../config/config-changes.ts';
import { formatProblem } from '../config/problem.ts';
import { isStandardInput } from '../config/standard-input.ts';
import type { Logger } from '../observability/logger.ts';
import { ConfigWatch } from './config-watch.ts';
import { loadAndVerify } from './load-configuration.ts';
import type { Source, SourceSink, Verdict } from './source.ts';

export type ReloadTrigger = 'SIGHUP' | 'api' | 'watch';

export type ReloadResult =
  | {
      readonly result: 'reloaded';
      readonly epoch: number;
      readonly changes: ConfigChanges;
      /** As `framegate check` prints them. */
      readonly warnings: readonly string[];
    }
  /** Everything that is wrong, as `framegate check` prints it. */
  | { readonly result: 'refused'; readonly problems: readonly string[] }
  /** A fault of Framegate. */
  | { readonly result: 'failed'; readonly problems: readonly string[] }
  | { readonly result: 'ignored'; readonly problems: readonly string[] };

/** How a reload has ended. */
export interface ReloadNote {
  readonly at: string;
  readonly trigger: ReloadTrigger;
  readonly result: 'reloaded' | 'refused' | 'failed';
}

export interface ReloadReport {
  readonly reloaded: number;
  readonly refused: number;
  readonly failed: number;
  /** The newest reload. Undefined before the first. */
  readonly last: ReloadNote | undefined;
  /** Undefined when no reload was refused or failed since the last successful one. */
  readonly lastError:
    | { readonly at: string; readonly trigger: ReloadTrigger; readonly problems: readonly string[] }
    | undefined;
}

export interface FileSourceOptions {
  readonly file: string;
  readonly logger: Logger;
  /** Why no reload is possible now. Undefined when it is possible. */
  readonly obstacle: () => string | undefined;
  readonly onBegin: () => void;
  readonly onEnd: () => void;
}

export class FileSource implements Source {
  readonly #options: FileSourceOptions;
  readonly #watch: ConfigWatch;
  #sink: SourceSink | undefined = undefined;
  #version = 0;
  /** Resolves with the verdict on the newest offer. */
  #verdict: PromiseWithResolvers<Verdict> | undefined = undefined;
  #running: Promise<ReloadResult> | undefined = undefined;
  #next: Promise<ReloadResult> | undefined = undefined;
  readonly #counts = { reloaded: 0, refused: 0, failed: 0 };
  #last: ReloadReport['last'] = undefined;
  #lastError: ReloadReport['lastError'] = undefined;

  /** Must be called right after the file was first read. */
  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#watch = new ConfigWatch(options.file, () => {
      this.reload('watch').catch(() => undefined);
    });
  }

  get report(): ReloadReport {
    return { ...this.#counts, last: this.#last, lastError: this.#lastError };
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
  }

  /** How often the file is checked for changes, in milliseconds. Undefined stops the checks. */
  watchEvery(everyMs: number | undefined): void {
    this.#watch.setInterval(everyMs);
  }

  close(): void {
    this.#watch.setInterval(undefined);
    this.#sink = undefined;
  }

  /** @param client who asked by the admin API. Never rejects; what went wrong is logged, too. The file is always read after this call, never before it. */
  reload(trigger: ReloadTrigger, client?: string): Promise<ReloadResult> {
    if (this.#running === undefined) return this.#start(trigger, client);
    // The running reload may have read the file already. One more reload serves all requests made in the meantime.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#start(trigger, client);
    });
    return this.#next;
  }

  judged(verdict: Verdict, version: number): void {
    if (version === this.#version) this.#verdict?.resolve(verdict);
  }

  #start(trigger: ReloadTrigger, client?: string): Promise<ReloadResult> {
    const running = this.#run(trigger, client).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #run(trigger: ReloadTrigger, client?: string): Promise<ReloadResult> {
    const { logger, obstacle, onBegin, onEnd } = this.#options;
    const sink = this.#sink;
    const reason =
      obstacle() ??
      (isStandardInput(this.#options.file)
        ? 'the configuration came by standard input, which cannot be read again'
        : undefined);
    if (sink === undefined || reason !== undefined) {
      return this.#note(trigger, ignored(reason ?? 'nobody takes configurations now'));
    }
    onBegin();
    try {
      return this.#note(trigger, await this.#load(sink), client);
    } catch (err) {
      logger.error(
        { trigger, err },
        'reload failed; please report this; the configuration is the one before',
      );
      const result = {
        result: 'failed',
        problems: [err instanceof Error ? err.message : String(err)],
      } as const;
      this.#noteError(trigger, result);
      return result;
    } finally {
      onEnd();
    }
  }

  async #load(sink: SourceSink): Promise<ReloadResult> {
    const loaded = loadAndVerify(this.#options.file);
    if ('problems' in loaded) return { result: 'refused', problems: loaded.problems.map(formatProblem) };
    this.#verdict = Promise.withResolvers();
    const awaited = this.#verdict.promise;
    sink.resources({ ...loaded, version: ++this.#version });
    const verdict = await awaited;
    if (verdict.outcome === 'abandoned') return ignored(verdict.reason);
    if (verdict.outcome === 'failed') throw verdict.error;
    const findings = verdict.findings.map(formatProblem);
    if (verdict.outcome === 'refused') return { result: 'refused', problems: findings };
    const { epoch, changes } = verdict;
    return { result: 'reloaded', epoch, changes, warnings: findings };
  }

  /** Logs and counts a result, and returns it. */
  #note(trigger: ReloadTrigger, result: ReloadResult, client?: string): ReloadResult {
    const { logger } = this.#options;
    if (result.result === 'ignored') {
      logger.warn({ trigger }, `reload ignored: ${result.problems.join('; ')}`);
      return result;
    }
    if (result.result === 'reloaded') {
      this.#counts.reloaded++;
      this.#last = { at: new Date().toISOString(), trigger, result: 'reloaded' };
      this.#lastError = undefined;
      const { epoch, changes, warnings } = result;
      logger.info({ trigger, ...(client && { client }), epoch, changes }, 'configuration reloaded');
      for (const warning of warnings) logger.warn({ epoch }, warning);
      return result;
    }
    this.#noteError(trigger, result);
    const { problems } = result;
    logger.error(
      { trigger, ...(client && { client }), problems },
      `reload refused, the configuration is the one before: ${problems.join('; ')}`,
    );
    return result;
  }

  #noteError(
    trigger: ReloadTrigger,
    { result, problems }: Extract<ReloadResult, { result: 'refused' | 'failed' }>,
  ): void {
    this.#counts[result]++;
    const at = new Date().toISOString();
    this.#last = { at, trigger, result };
    this.#lastError = { at, trigger, problems };
  }
}

function ignored(reason: string): ReloadResult {
  return { result: 'ignored', problems: [reason] };
}
