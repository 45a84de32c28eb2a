// Lets another process make the checks, since a peer may end the process that reads its bytes: Node's HTTP/2 client has aborted after what
// a service sent. What was found until then is kept, and a new process makes the checks that are left.

import { counted } from '../config/counted.ts';
import type { CheckReport } from './check.ts';
import {
  type ExaminationNotice,
  type ExaminationOrder,
  isShownAs,
  type PlannedCheck,
  readNotice,
  shownReports,
} from './examination-messages.ts';
import { type Finding, failed, note, warning, worstOf } from './finding.ts';
import { type ReportEvents, ReportsInOrder } from './reports-in-order.ts';

/** The process that makes checks. */
export interface CheckingPeer {
  readonly send: (order: ExaminationOrder) => void;
  /** Ends it at once, whatever it does. May be called again. */
  readonly end: () => void;
}

export interface CheckingEvents {
  readonly onNotice: (notice: unknown) => void;
  /** It has ended, and nothing of it will come. @param how in words, such as 'SIGABRT' */
  readonly onEnd: (how: string) => void;
}

export interface ExaminationParts {
  readonly start: (events: CheckingEvents) => CheckingPeer;
  /** Calls `call` after this time. @returns what prevents that */
  readonly after: (delayMs: number, call: () => void) => () => void;
}

/** Nothing was examined. The message is a sentence for the user. */
export class NothingExamined extends Error {}

/** `runChecks` ends within about 31 seconds, or 41 and the time for which streams are held. A busy machine may take long to start a process. */
const LIMIT_MS = 60_000;
const MOST_PROCESSES = 5;
const UNREADABLE = { how: 'the doctor ended it, as it sent something else than reports' };

type Order = Omit<ExaminationOrder, 'kind' | 'earlier' | 'alone'>;
/** A report without what the plan says. */
type Reported = Extract<ExaminationNotice, { kind: 'ended' }>['report'];

interface Settled extends Pick<CheckReport, 'id' | 'findings' | 'skippedBecause'> {
  readonly durationMs?: number;
}

/**
 * Rejects with NothingExamined, or with a fault of Framegate.
 * @returns the reports that are shown, in the order of the plan
 */
export async function examineElsewhere(
  order: Order,
  parts: ExaminationParts,
  events: ReportEvents,
): Promise<readonly CheckReport[]> {
  const examination = new ForkedExamination(order, parts, events);
  return examination.run();
}

class ForkedExamination {
  readonly #order: Order;
  readonly #parts: ExaminationParts;
  readonly #told: ReportsInOrder;
  #plan: readonly PlannedCheck[] = [];
  readonly #planned = new Map<string, PlannedCheck>();
  readonly #reports = new Map<string, CheckReport>();
  /** The checks that have begun in the process that runs now, and have not ended. */
  readonly #underWay = new Set<string>();
  /** The checks that were under way with others when a process ended. They are made again, but alone. */
  readonly #alone = new Set<string>();
  /** What their reports say of that. */
  readonly #interrupted = new Map<string, Finding>();

  constructor(order: Order, parts: ExaminationParts, events: ReportEvents) {
    this.#order = order;
    this.#parts = parts;
    this.#told = new ReportsInOrder({
      ...events,
      onReport: (report) => {
        if (isShownAs(report.verdict, this.#planned.get(report.id)?.shown)) events.onReport(report);
      },
    });
  }

  async run(): Promise<readonly CheckReport[]> {
    try {
      for (let count = 1; count <= MOST_PROCESSES && !this.#isComplete(); count++) {
        const how = await this.#runProcess();
        if (how !== undefined) this.#settleInterrupted(how, count === MOST_PROCESSES);
        else this.#settleUnreported();
      }
    } finally {
      this.#told.end();
    }
    const reports = this.#plan.flatMap(({ id }) => this.#reports.get(id) ?? []);
    return shownReports(this.#plan, reports);
  }

  #isComplete(): boolean {
    return this.#plan.length > 0 && this.#left().length === 0;
  }

  #left(): readonly PlannedCheck[] {
    return this.#plan.filter(({ id }) => !this.#reports.has(id));
  }

  /** @returns how the process ended before it had made all checks, undefined if it has made them */
  async #runProcess(): Promise<string | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    this.#underWay.clear();
    let isOver = false;
    const peer = this.#parts.start({
      onNotice: (message) => {
        if (isOver) return;
        const notice = readNotice(message);
        const end = endBy(notice, this.#plan.length > 0);
        isOver = end !== undefined;
        if (end instanceof Error) reject(end);
        else if (end !== undefined) resolve(end.how);
        else if (notice !== undefined) this.#take(notice);
      },
      onEnd: (how) => resolve(how),
    });
    const limitMs = LIMIT_MS + (this.#order.holdSeconds ?? 0) * 1000;
    const cancel = this.#parts.after(limitMs, () => resolve(`the doctor ended it after ${limitMs / 1000} s`));
    const earlier = [...this.#reports.values()];
    peer.send({ kind: 'examine', ...this.#order, earlier, alone: [...this.#alone] });
    try {
      return await promise;
    } finally {
      isOver = true;
      cancel();
      peer.end();
    }
  }

  #take(notice: ExaminationNotice): void {
    switch (notice.kind) {
      case 'planned':
        // The report follows the first plan, of which a part may be printed.
        if (this.#plan.length > 0) return;
        this.#plan = notice.plan;
        for (const check of notice.plan) this.#planned.set(check.id, check);
        this.#told.follow(notice.plan);
        return;
      case 'begun':
        if (this.#planned.has(notice.id)) this.#underWay.add(notice.id);
        return;
      case 'ended':
        this.#takeReport(notice.report);
    }
  }

  #takeReport({ id, findings, skippedBecause, durationMs, verdict }: Reported): void {
    this.#underWay.delete(id);
    // A check that is made again for what it leaves in memory has a report. That is kept unless the check has failed only now.
    const known = this.#reports.get(id);
    if (known !== undefined && (known.verdict === 'failed' || verdict !== 'failed')) return;
    const interrupted = this.#interrupted.get(id);
    const more = [
      ...(known === undefined ? [] : [MADE_FOR_OTHERS]),
      ...(interrupted === undefined || skippedBecause !== undefined ? [] : [interrupted]),
    ];
    this.#settle({ id, findings: [...findings, ...more], skippedBecause, durationMs });
  }

  #settle({ id, findings, skippedBecause, durationMs = 0 }: Settled): void {
    const check = this.#planned.get(id);
    if (check === undefined) return;
    const { group, title } = check;
    const verdict = skippedBecause === undefined ? worstOf(findings) : 'skipped';
    const report = { id, group, title, verdict, findings, skippedBecause, durationMs };
    this.#reports.set(id, report);
    this.#told.add(report);
  }

  /** A check that was under way alone is not made again. */
  #settleInterrupted(how: string, isLast: boolean): void {
    if (this.#plan.length === 0) {
      if (!isLast) return;
      throw new NothingExamined(
        `the process that makes the checks ended ${MOST_PROCESSES} times before the first one (${how})`,
      );
    }
    const underWay = [...this.#underWay];
    for (const id of underWay) {
      const known = this.#reports.get(id)?.findings;
      if (underWay.length === 1 || isLast)
        this.#settle({ id, findings: [...(known ?? []), noResult(id, how)] });
      else {
        this.#alone.add(id);
        this.#interrupted.set(id, madeAgain(how, underWay.length - 1));
      }
    }
    if (isLast) this.#giveUp(how, underWay.length > 0);
  }

  #giveUp(how: string, isOneNamed: boolean): void {
    const why = `the processes that make the checks have ended ${MOST_PROCESSES} times`;
    for (const [index, { id }] of this.#left().entries()) {
      if (isOneNamed || index > 0) this.#settle({ id, findings: [], skippedBecause: why });
      else this.#settle({ id, findings: [failed(`${why} (${how})`, aloneBy(id))] });
    }
  }

  #settleUnreported(): void {
    for (const { id } of this.#left())
      this.#settle({
        id,
        findings: [failed('the process that makes the checks has not reported this one', aloneBy(id))],
      });
  }
}

/**
 * @param isPlanned whether there is a report to go on with
 * @returns undefined if more notices follow
 */
function endBy(
  notice: ExaminationNotice | undefined,
  isPlanned: boolean,
): { readonly how: string | undefined } | Error | undefined {
  switch (notice?.kind) {
    case 'done':
      return isPlanned ? { how: undefined } : UNREADABLE;
    case 'refused':
      return isPlanned ? { how: notice.why } : new NothingExamined(notice.why);
    case 'fault':
      return isPlanned ? { how: `a fault of Framegate: ${beginOf(notice.stack)}` } : new Error(notice.stack);
    case undefined:
      return UNREADABLE;
    default:
      return undefined;
  }
}

/** @returns what happened, and where */
function beginOf(stack: string): string {
  const lines = stack.split('\n', 2).map((line) => line.trim());
  return lines.join(' ');
}

function noResult(id: string, how: string): Finding {
  return failed(
    `this check was under way when the process that makes the checks ended (${how}), so it has no result; the other checks went on in a new process`,
    `${aloneBy(id)}; if the process ends again, report it: nothing that a peer sends may do that`,
  );
}

const MADE_FOR_OTHERS = note(
  'an earlier process has made this check, and it did not fail there; it was made again because checks that were left use what it leaves in memory',
);

function madeAgain(how: string, others: number): Finding {
  return warning(
    `this check and ${counted(others, 'other')} were under way when the process that makes the checks ended (${how}); it was made again, alone, in a new process`,
    'if that happens again, report it: nothing that a peer sends may end the process',
  );
}

function aloneBy(id: string): string {
  return `make it alone: --only ${id}`;
}
