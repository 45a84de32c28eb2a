// Reloads of the configuration, whoever asks for them: one at a time, and all that come while one runs are one.
// A configuration that cannot be used changes nothing; what is wrong with it is told with its place in the file.

import type { AdminReply } from '../admin/admin-server.ts';
import type { Config } from '../config/config.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { type Finding, formatProblem, locateFinding, sortProblems } from '../config/problem.ts';
import { isStandardInput } from '../config/standard-input.ts';
import { UnusableConfig } from '../config/unusable-config.ts';
import type { Logger } from '../observability/logger.ts';
import type { ConfigChanges } from './config-changes.ts';
import { loadAndVerify } from './load-configuration.ts';

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
  /** A fault of ours. */
  | { readonly result: 'failed'; readonly problems: readonly string[] }
  | { readonly result: 'ignored'; readonly problems: readonly string[] };

const HTTP_STATUS = { reloaded: 200, refused: 422, failed: 500, ignored: 409 } as const;

export function reloadReply(result: ReloadResult): AdminReply {
  return { status: HTTP_STATUS[result.result], body: result };
}

export interface ReloadReport {
  readonly reloaded: number;
  readonly refused: number;
  readonly failed: number;
  /** Undefined when there was none since the last good one. */
  readonly lastError:
    | { readonly at: string; readonly trigger: ReloadTrigger; readonly problems: readonly string[] }
    | undefined;
}

export interface AppliedConfig {
  readonly epoch: number;
  readonly changes: ConfigChanges;
  /** Warnings that only the running proxy can give. */
  readonly remarks: readonly Finding[];
}

export interface ReloadsOptions {
  readonly file: string;
  readonly logger: Logger;
  /** Puts it to use, or rejects, with UnusableConfig where that is the configuration's fault. */
  readonly apply: (config: Config) => Promise<AppliedConfig>;
  /** Told of every configuration that was taken up: the same as is logged and answered. */
  readonly onWarnings: (warnings: readonly string[]) => void;
  /** Why there is no reload now; undefined: there may be. */
  readonly obstacle: () => string | undefined;
  readonly onBegin: () => void;
  readonly onEnd: () => void;
}

export class Reloads {
  readonly #options: ReloadsOptions;
  #running: Promise<ReloadResult> | undefined = undefined;
  #next: Promise<ReloadResult> | undefined = undefined;
  readonly #counts = { reloaded: 0, refused: 0, failed: 0 };
  #lastError: ReloadReport['lastError'] = undefined;

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  get report(): ReloadReport {
    return { ...this.#counts, lastError: this.#lastError };
  }

  /** Never rejects. The file is read after the call. */
  request(trigger: ReloadTrigger): Promise<ReloadResult> {
    if (this.#running === undefined) return this.#start(trigger);
    // The one that runs may have read the file already; one more is enough for all who ask meanwhile.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#start(trigger);
    });
    return this.#next;
  }

  #start(trigger: ReloadTrigger): Promise<ReloadResult> {
    const running = this.#run(trigger).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #run(trigger: ReloadTrigger): Promise<ReloadResult> {
    const { logger, obstacle, onBegin, onEnd } = this.#options;
    const reason =
      obstacle() ??
      (isStandardInput(this.#options.file)
        ? 'the configuration came by standard input, which cannot be read again'
        : undefined);
    if (reason !== undefined) {
      logger.warn({ trigger }, `reload ignored: ${reason}`);
      return { result: 'ignored', problems: [reason] };
    }
    onBegin();
    try {
      const result = await this.#load();
      this.#note(trigger, result);
      return result;
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

  async #load(): Promise<ReloadResult> {
    const { file, apply } = this.#options;
    const loaded = loadAndVerify(file);
    if ('problems' in loaded) return { result: 'refused', problems: loaded.problems.map(formatProblem) };
    try {
      const { epoch, changes, remarks } = await apply(loaded.config);
      const located = remarks.map((remark) => locateFinding(remark, file, loaded));
      const warnings = sortProblems([...loaded.warnings, ...located]).map(formatProblem);
      return { result: 'reloaded', epoch, changes, warnings };
    } catch (error) {
      if (error instanceof UnusableConfig)
        return { result: 'refused', problems: describe(error, file, loaded) };
      throw error;
    }
  }

  #note(trigger: ReloadTrigger, result: ReloadResult): void {
    const { logger } = this.#options;
    if (result.result === 'reloaded') {
      this.#counts.reloaded++;
      this.#lastError = undefined;
      const { epoch, changes, warnings } = result;
      this.#options.onWarnings(warnings);
      logger.info({ trigger, epoch, changes }, 'configuration reloaded');
      for (const warning of warnings) logger.warn({ epoch }, warning);
      return;
    }
    this.#noteError(trigger, result);
    const { problems } = result;
    logger.error(
      { trigger, problems },
      `reload refused, the configuration is the one before: ${problems.join('; ')}`,
    );
  }

  #noteError(
    trigger: ReloadTrigger,
    { result, problems }: Exclude<ReloadResult, { result: 'reloaded' }>,
  ): void {
    if (result !== 'ignored') this.#counts[result]++;
    this.#lastError = { at: new Date().toISOString(), trigger, problems };
  }
}

/** As `framegate check` would print them. */
export function describe(error: UnusableConfig, file: string, loaded: LoadedConfig): readonly string[] {
  const problems = error.findings.map((finding) => locateFinding(finding, file, loaded));
  return sortProblems(problems).map(formatProblem);
}
