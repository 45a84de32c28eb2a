// Prints what the checks have found. For people it prints line by line while the checks run, with colours only on a terminal. For machines
// it prints one JSON object at the end.

import { styleText } from 'node:util';
import { counted } from '../config/counted.ts';
import { type CheckReport, GROUPS, type Group } from './check.ts';
import { type Finding, pageOf, quoted } from './finding.ts';

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

const MOST_CHARACTERS = 2000;

export class TextReport {
  readonly #stream: ReportStream;
  #group: Group | undefined = undefined;
  #isProgressShown = false;

  constructor(stream: ReportStream) {
    this.#stream = stream;
  }

  get isLive(): boolean {
    return this.#stream.isTTY === true;
  }

  progress(title: string, elapsedMs: number): void {
    this.#isProgressShown = true;
    const text = `… ${quoted(title, 60)} (${(elapsedMs / 1000).toFixed(1)} s)`;
    this.#stream.write(`\r\u001b[2K${this.#paint('dim', text)}`);
  }

  add(report: CheckReport): void {
    this.#clearProgress();
    if (report.group !== this.#group) {
      this.#stream.write(
        `${this.#group === undefined ? '' : '\n'}${this.#paint('bold', GROUPS[report.group])}\n`,
      );
      this.#group = report.group;
    }
    const [sign, colour] = SIGNS[report.verdict];
    this.#stream.write(`${this.#paint(colour, sign)} ${quoted(report.title)}\n`);
    if (report.skippedBecause !== undefined) this.#line('dim', `skipped because ${report.skippedBecause}`);
    for (const finding of report.findings) this.#addFinding(finding);
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
    const colour = failures > 0 ? 'red' : warnings > 0 ? 'yellow' : 'green';
    this.#stream.write(`\n${this.#paint(colour, summary)} in ${(durationMs / 1000).toFixed(1)} s\n`);
    if (first === undefined) return;
    const { report, finding } = first;
    this.#stream.write(`Begin with: ${quoted(report.title)}\n`);
    this.#addFinding(finding);
  }

  #line(colour: Colour | undefined, text: string): void {
    const harmless = quoted(text, MOST_CHARACTERS);
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
  return `${JSON.stringify(report, (_key, value: unknown) => (typeof value === 'string' ? quoted(value, MOST_CHARACTERS) : value), 2)}\n`;
}

function describe(finding: Finding): object {
  return { ...finding, ...pageOf(finding) };
}
