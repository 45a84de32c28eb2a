// Runs checks: each one as soon as those before it allow, several at a time, and each with its own time limit. A check whose prerequisite
// failed is skipped, and every other one runs.

import { counted } from '../config/counted.ts';
import type { Check, CheckReport } from './check.ts';
import { type Finding, failed, warning, withoutSecrets, worstOf } from './finding.ts';

export interface RunEvents {
  /** Checks that are skipped do not begin. */
  onBegin?(id: string): void;
  /** Called as checks end, in any order, and as they are skipped. */
  onEnd?(report: CheckReport): void;
}

export interface RunOptions {
  /** After this time each check has 200 ms, apart from those that have a limit of their own above it. A peer that answers is quicker. */
  readonly totalMs: number;
  /** No check begins after this time, apart from those with such a limit. */
  readonly lastBeginMs: number;
  /** The time that both are compared with, in milliseconds from any start. */
  readonly nowMs?: (() => number) | undefined;
  /** Takes secrets out of a text. What the findings of all checks say passes it, since any text of theirs may be that of a peer. */
  readonly hide?: ((text: string) => string) | undefined;
  /** The reports of another process, whose checks are made again only if those that are left need what they leave in memory. */
  readonly earlier?: readonly CheckReport[] | undefined;
  /** The ids of checks that are made while no other one is. */
  readonly alone?: ReadonlySet<string> | undefined;
}

const LIMIT_MS = 3000;
const LATE_LIMIT_MS = 200;
const AT_ONCE = 12;
/** How long a check has to settle after its signal. */
const GRACE_MS = 300;

/**
 * Never rejects.
 * @returns the reports in the order of the plan
 */
export async function runChecks(
  plan: readonly Check[],
  events: RunEvents,
  options: RunOptions,
): Promise<readonly CheckReport[]> {
  const run = new Run(plan, events, options);
  return run.finished;
}

class Run {
  readonly finished: Promise<readonly CheckReport[]>;
  readonly #plan: readonly Check[];
  /** The same checks, in the order in which they begin if several are due. */
  readonly #byTurns: readonly Check[];
  readonly #events: RunEvents;
  readonly #hide: RunOptions['hide'];
  readonly #alone: ReadonlySet<string>;
  readonly #totalMs: number;
  readonly #lastBeginMs: number;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  readonly #reports = new Map<string, CheckReport>();
  readonly #known: ReadonlySet<string>;
  readonly #begun = new Set<string>();
  readonly #finish: (reports: readonly CheckReport[]) => void;
  #running = 0;
  #isOneAlone = false;
  #isOneLeftOut = false;

  constructor(plan: readonly Check[], events: RunEvents, options: RunOptions) {
    const { totalMs, lastBeginMs, hide, earlier = [], alone = new Set() } = options;
    this.#plan = plan;
    this.#byTurns = byTurnsOfGroups(plan);
    this.#events = events;
    this.#hide = hide;
    this.#alone = alone;
    this.#totalMs = totalMs;
    this.#lastBeginMs = lastBeginMs;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#startedAtMs = this.#nowMs();
    this.#known = new Set(plan.map(({ id }) => id));
    const { promise, resolve } = Promise.withResolvers<readonly CheckReport[]>();
    this.finished = promise;
    this.#finish = resolve;
    for (const report of reportsToKeep(plan, earlier)) {
      this.#begun.add(report.id);
      this.#reports.set(report.id, report);
    }
    this.#continue();
  }

  #continue(): void {
    let isFurther = true;
    while (isFurther) {
      isFurther = false;
      for (const check of this.#byTurns) {
        if (this.#begun.has(check.id) || !this.#isDue(check)) continue;
        const obstacle = this.#obstacle(check);
        const isTooLate = obstacle === undefined && this.#isTooLate(check);
        if (obstacle === undefined && !isTooLate && !this.#hasRoom(check)) continue;
        this.#begun.add(check.id);
        if (obstacle !== undefined) this.#settle(check, [], 0, obstacle);
        else if (isTooLate) this.#leaveOut(check);
        else {
          void this.#run(check);
          continue;
        }
        isFurther = true;
      }
    }
    if (this.#plan.some(({ id }) => !this.#reports.has(id))) return;
    this.#finish(this.#plan.flatMap(({ id }) => this.#reports.get(id) ?? []));
  }

  #elapsedMs(): number {
    return this.#nowMs() - this.#startedAtMs;
  }

  /** Whether the check takes longer on purpose than all others together may. */
  #isLong({ limitMs = LIMIT_MS }: Check): boolean {
    return limitMs > this.#totalMs;
  }

  #isTooLate(check: Check): boolean {
    return this.#elapsedMs() > this.#lastBeginMs && !this.#isLong(check);
  }

  /** The reason is the same for all, which are told together. The first one has a warning, since no other check may have any. */
  #leaveOut(check: Check): void {
    const why = `the examination had taken ${this.#lastBeginMs / 1000} s before`;
    const others = this.#plan.filter((each) => !this.#begun.has(each.id) && !this.#isLong(each)).length;
    const finding = warning(
      `the examination has taken ${this.#lastBeginMs / 1000} s, so this check and ${counted(others, 'other')} were not begun`,
      'make a part of the checks at a time: --only with a group, or with the beginning of an id of --json',
    );
    this.#settle(check, this.#isOneLeftOut ? [] : [finding], 0, why);
    this.#isOneLeftOut = true;
  }

  #hasRoom({ id }: Check): boolean {
    if (this.#isOneAlone) return false;
    return this.#running < (this.#alone.has(id) ? 1 : AT_ONCE);
  }

  /** Checks that are not in the plan are not waited for. */
  #isDue({ needs = [], after = [] }: Check): boolean {
    return [...needs, ...after].every((id) => this.#reports.has(id) || !this.#known.has(id));
  }

  #obstacle({ needs = [] }: Check): string | undefined {
    for (const id of needs) {
      const report = this.#reports.get(id);
      if (report?.skippedBecause !== undefined) return report.skippedBecause;
      if (report?.verdict === 'failed') return `“${report.title}” failed`;
    }
    return undefined;
  }

  async #run(check: Check): Promise<void> {
    this.#running++;
    this.#isOneAlone = this.#alone.has(check.id);
    this.#events.onBegin?.(check.id);
    const beganAtMs = performance.now();
    const own = check.limitMs ?? LIMIT_MS;
    const leftMs = Math.max(LATE_LIMIT_MS, this.#totalMs - this.#elapsedMs());
    const limitMs = this.#isLong(check) ? own : Math.min(own, leftMs);
    const findings = await withLimit(check, limitMs, this.#reports);
    this.#running--;
    this.#isOneAlone = false;
    this.#settle(check, findings, performance.now() - beganAtMs, undefined);
    this.#continue();
  }

  #settle(
    { id, group, title }: Check,
    findings: readonly Finding[],
    durationMs: number,
    skippedBecause: string | undefined,
  ): void {
    const verdict = skippedBecause === undefined ? worstOf(findings) : 'skipped';
    const hide = this.#hide;
    const report = {
      id,
      group,
      title,
      verdict,
      findings: hide === undefined ? findings : findings.map((finding) => withoutSecrets(finding, hide)),
      skippedBecause,
      durationMs: Math.round(durationMs),
    };
    this.#reports.set(id, report);
    this.#events.onEnd?.(report);
  }
}

/** @returns the first check of each group, then the second ones, and so on: no group with many slow checks keeps out the others */
function byTurnsOfGroups(plan: readonly Check[]): readonly Check[] {
  const sizes = new Map<Check['group'], number>();
  const placed = plan.map((check) => {
    const place = sizes.get(check.group) ?? 0;
    sizes.set(check.group, place + 1);
    return { check, place };
  });
  return placed.toSorted((one, other) => one.place - other.place).map(({ check }) => check);
}

/** A check that failed has left nothing, and may be why that process ended. */
function reportsToKeep(plan: readonly Check[], earlier: readonly CheckReport[]): readonly CheckReport[] {
  const reported = new Set(earlier.map(({ id }) => id));
  const groupsLeft = new Set(plan.filter(({ id }) => !reported.has(id)).map(({ group }) => group));
  const again = new Set(
    plan.filter(({ feeds = [] }) => feeds.some((group) => groupsLeft.has(group))).map(({ id }) => id),
  );
  return earlier.filter(({ id, verdict }) => !again.has(id) || verdict === 'failed' || verdict === 'skipped');
}

async function withLimit(
  check: Check,
  limitMs: number,
  ended: ReadonlyMap<string, CheckReport>,
): Promise<readonly Finding[]> {
  const controller = new AbortController();
  const { promise: late, resolve } = Promise.withResolvers<readonly Finding[]>();
  const timer = setTimeout(() => controller.abort(), limitMs);
  const lateTimer = setTimeout(
    () =>
      resolve([
        warning(
          `no result in ${(limitMs / 1000).toFixed(1)} s, so the check was given up`,
          'run it alone, by --only',
        ),
      ]),
    limitMs + GRACE_MS,
  );
  try {
    return await Promise.race([check.run(controller.signal, ended), late]);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return [failed(`the check itself failed, which is a fault of Framegate: ${reason}`, 'please report it')];
  } finally {
    clearTimeout(timer);
    clearTimeout(lateTimer);
  }
}
