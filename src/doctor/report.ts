// Prints what the checks have found. For people it prints line by line while the checks run, with colours only on a terminal. For machines
// it prints one JSON object at the end.

import { styleText } from 'node:util';
import { counted } from '../config/counted.ts';
import { type CheckReport, GROUPS, type Group } from './check.ts';
import { type Finding, MOST_TEXT_CHARACTERS, pageOf, quoted } from './finding.ts';

/** Where the report goes: standard output, or what a test reads. */
export interface ReportStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

const SIGNS: Readonly<Record<CheckReport['verdict'], readonly [sign: string, colour: Colour]>> = {
  ok: ['✔', 'green'],
  note: ['✔', 'green'],
  warning: ['‼', 'yellow'],
  failed: ['✖', 'red'],
  skipped: ['–', 'dim'],
};

export class TextReport {
  readonly #stream: ReportStream;
  readonly #isVerbose: boolean;
  #group: Group | undefined = undefined;
  #isHeadingShown = false;
  #isFirst = true;
  /** Whether the line before is one of a group that is told in a single line. */
  #isAfterShortGroup = false;
  /** The ids of those checks of the group that are only counted, so far. */
  readonly #passed = new Set<string>();
  /** The checks that were not begun, by the reason. */
  readonly #skipped = new Map<string, CheckReport[]>();
  #isProgressShown = false;

  /** @param isVerbose whether each check is told with what it saw. Otherwise those that passed are counted, for each group */
  constructor(stream: ReportStream, isVerbose: boolean) {
    this.#stream = stream;
    this.#isVerbose = isVerbose;
  }

  get isLive(): boolean {
    return this.#stream.isTTY === true;
  }

  progress(title: string, elapsedMs: number): void {
    this.#isProgressShown = true;
    const text = `… ${quoted(title, 60)} (${(elapsedMs / 1000).toFixed(1)} s)`;
    this.#stream.write(`\r\u001b[2K${this.#paint('dim', text)}`);
  }

  /** @param report may be a second one of the same check, which was made again and has failed */
  add(report: CheckReport): void {
    this.#clearProgress();
    if (report.group !== this.#group) {
      this.#endGroup();
      this.#group = report.group;
    }
    this.#passed.delete(report.id);
    if (this.#isVerbose || !isBrief(report)) this.#addCheck(report);
    else if (report.skippedBecause === undefined) this.#passed.add(report.id);
    else {
      const others = this.#skipped.get(report.skippedBecause) ?? [];
      this.#skipped.set(report.skippedBecause, [...others, report]);
    }
  }

  #addCheck({ group, verdict, title, skippedBecause, findings }: CheckReport): void {
    this.#showHeading(group);
    this.#sign(verdict, quoted(title));
    if (skippedBecause !== undefined) this.#line('dim', `skipped because ${skippedBecause}`);
    for (const finding of findings) this.#addFinding(finding);
  }

  #showHeading(group: Group): void {
    if (this.#isHeadingShown) return;
    this.#isHeadingShown = true;
    const gap = this.#isFirst ? '' : '\n';
    this.#isFirst = false;
    this.#isAfterShortGroup = false;
    this.#stream.write(`${gap}${this.#paint('bold', GROUPS[group])}\n`);
  }

  /** Tells of the checks of the group that were not told one by one. */
  #endGroup(): void {
    const group = this.#group;
    if (group === undefined) return;
    for (const [reason, [only, ...others]] of this.#skipped) {
      this.#showHeading(group);
      const what = others.length === 0 ? quoted(only.title) : counted(others.length + 1, 'check');
      this.#sign('skipped', `${what}: skipped because ${reason}`);
    }
    if (this.#passed.size > 0) this.#tellPassed(group, counted(this.#passed.size, 'check'));
    this.#skipped.clear();
    this.#passed.clear();
    this.#isHeadingShown = false;
  }

  #tellPassed(group: Group, count: string): void {
    if (this.#isHeadingShown) {
      this.#sign('ok', `${count} passed`);
      return;
    }
    if (!this.#isFirst && !this.#isAfterShortGroup) this.#stream.write('\n');
    this.#isFirst = false;
    this.#isAfterShortGroup = true;
    this.#sign('ok', `${GROUPS[group]}: ${count} passed`);
  }

  #sign(verdict: CheckReport['verdict'], text: string): void {
    const [sign, colour] = SIGNS[verdict];
    this.#stream.write(`${this.#paint(colour, sign)} ${text}\n`);
  }

  #addFinding(finding: Finding): void {
    const [sign, colour] = SIGNS[finding.verdict];
    if (isQuiet(finding)) this.#line('dim', finding.text);
    else this.#line(colour, `${sign} ${finding.text}`);
    if (finding.remedy !== undefined) this.#line(undefined, `→ ${finding.remedy}`);
    const found = pageOf(finding);
    if (found !== undefined)
      this.#line('dim', `${found.code}: ${found.page}, or: framegate explain ${found.code}`);
  }

  end(reports: readonly CheckReport[], durationMs: number): void {
    this.#clearProgress();
    this.#endGroup();
    const count = (verdict: CheckReport['verdict']): number =>
      reports.filter((report) => report.verdict === verdict).length;
    const first = firstCause(reports);
    // A guess repeats what a check has found, and is no failure of its own where that check is told as well.
    const failedChecks = reports.filter(
      ({ group, verdict }) => group !== 'guesses' && verdict === 'failed',
    ).length;
    const [failures, warnings] = [failedChecks || count('failed'), count('warning')];
    const summary = [
      `${failures} failed`,
      counted(warnings, 'warning'),
      `${count('ok') + count('note')} passed`,
      `${count('skipped')} skipped`,
    ].join(', ');
    const colour = failures > 0 ? 'red' : first === undefined ? 'green' : 'yellow';
    const hint = this.#isVerbose ? '' : ' (--verbose shows each check)';
    this.#stream.write(`\n${this.#paint(colour, summary)} in ${(durationMs / 1000).toFixed(1)} s${hint}\n`);
    if (first === undefined) return;
    const { report, finding } = first;
    this.#stream.write(`\n${finding.verdict === 'failed' ? 'Fix this first' : 'Look at this first'}\n`);
    this.#sign(finding.verdict, quoted(report.title));
    this.#addFinding(finding);
  }

  #line(colour: Colour | undefined, text: string): void {
    const harmless = quoted(text, MOST_TEXT_CHARACTERS);
    this.#stream.write(`    ${colour === undefined ? harmless : this.#paint(colour, harmless)}\n`);
  }

  #clearProgress(): void {
    if (this.#isProgressShown) this.#stream.write('\r\u001b[2K');
    this.#isProgressShown = false;
  }

  /** Adds colour only on a terminal, and respects NO_COLOR. */
  #paint(colour: Colour, text: string): string {
    if (!this.isLive || (process.env['NO_COLOR'] ?? '') !== '') return text;
    return styleText(colour, text, { validateStream: false });
  }
}

/** Whether a count or a reason is enough for the check. A hop that was asked for by --hold is told in any case. */
function isBrief({ group, verdict, findings, skippedBecause }: CheckReport): boolean {
  if (skippedBecause !== undefined) return true;
  const hasPassed = verdict === 'ok' || verdict === 'note';
  return hasPassed && group !== 'hold' && findings.every((finding) => finding.verdict !== 'skipped');
}

function isQuiet({ verdict }: Finding): boolean {
  return verdict !== 'warning' && verdict !== 'failed';
}

export interface FirstCause {
  readonly report: CheckReport;
  readonly finding: Finding;
}

/** What to fix first: the first finding that failed, or else the first warning. */
export function firstCause(reports: readonly CheckReport[]): FirstCause | undefined {
  for (const wanted of ['failed', 'warning'] as const) {
    for (const report of reports) {
      const finding = report.findings.find(({ verdict }) => verdict === wanted);
      if (finding !== undefined) return { report, finding };
    }
  }
  return undefined;
}

export function isHealthy(reports: readonly CheckReport[]): boolean {
  return reports.every(({ verdict }) => verdict !== 'failed');
}

/** @returns one JSON object, with a line break at its end. docs/doctor.md describes it. */
export function jsonReport(reports: readonly CheckReport[], durationMs: number): string {
  const first = firstCause(reports);
  const report = {
    ok: isHealthy(reports),
    durationMs: Math.round(durationMs),
    first: first === undefined ? null : { check: first.report.id, ...describe(first.finding) },
    checks: reports.map(({ findings, ...rest }) => ({ ...rest, findings: findings.map(describe) })),
  };
  return `${JSON.stringify(report, (_key, value: unknown) => (typeof value === 'string' ? quoted(value, MOST_TEXT_CHARACTERS) : value), 2)}\n`;
}

function describe(finding: Finding): object {
  return { ...finding, ...pageOf(finding) };
}
