// What `framegate doctor` and the process that makes its checks send each other. That process has read what others answered, so the doctor
// believes its messages no further than they have the expected form, and makes their texts harmless once more.

import { fieldOf, listOf } from '../control/answer-fields.ts';
import { type CheckReport, GROUPS, type Group } from './check.ts';
import { type Finding, MOST_TEXT_CHARACTERS, quoted, type Verdict, worstOf } from './finding.ts';
import type { Target } from './target.ts';

/** Comes first, and once. It holds secrets, which is why it is no argument of the process. */
export interface ExaminationOrder {
  readonly kind: 'examine';
  readonly file: string | undefined;
  readonly target: Target | undefined;
  readonly ca: Buffer | undefined;
  /** The names and values of header fields. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly certificate: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly only: readonly string[];
  readonly holdSeconds: number | undefined;
  readonly method: string | undefined;
  /** What earlier processes have reported, or have not lived to report. */
  readonly earlier: readonly CheckReport[];
  /** The ids of checks that are made while no other one is. */
  readonly alone: readonly string[];
}

/** A check that will be made. */
export interface PlannedCheck extends Pick<CheckReport, 'id' | 'group' | 'title'> {
  /** Whether the report shows it. `ifFailed`: because then a check that was asked for is not made. */
  readonly shown: 'always' | 'ifFailed' | 'never';
}

export type ExaminationNotice =
  /** All checks, in the order of the report. */
  | { readonly kind: 'planned'; readonly plan: readonly PlannedCheck[] }
  | { readonly kind: 'begun'; readonly id: string }
  | { readonly kind: 'ended'; readonly report: Omit<CheckReport, 'group' | 'title'> }
  | { readonly kind: 'done' }
  /** A sentence for the user: what was asked for cannot be examined. */
  | { readonly kind: 'refused'; readonly why: string }
  /** A fault of Framegate. */
  | { readonly kind: 'fault'; readonly stack: string };

/** @returns those of the reports that the doctor shows */
export function shownReports(
  plan: readonly PlannedCheck[],
  reports: readonly CheckReport[],
): readonly CheckReport[] {
  const shown = new Map(plan.map((check) => [check.id, check.shown]));
  return reports.filter(({ id, verdict }) => isShownAs(verdict, shown.get(id)));
}

export function isShownAs(verdict: Verdict, shown: PlannedCheck['shown'] | undefined): boolean {
  return shown === 'always' || (shown === 'ifFailed' && verdict === 'failed');
}

const MOST_CHECKS = 100_000;
const MOST_FINDINGS = 100_000;
/** Ids hold paths of files. They are compared, so they are never cut. */
const MOST_ID_CHARACTERS = 8192;
const MOST_TOKEN_CHARACTERS = 200;
const MOST_STACK_CHARACTERS = 8000;
const VERDICTS: readonly unknown[] = ['skipped', 'ok', 'note', 'warning', 'failed'] satisfies Verdict[];
const SHOWN: readonly unknown[] = ['always', 'ifFailed', 'never'] satisfies PlannedCheck['shown'][];

export function isExaminationOrder(message: unknown): message is ExaminationOrder {
  return fieldOf(message, 'kind') === 'examine';
}

/** @returns undefined if the message has another form */
export function readNotice(message: unknown): ExaminationNotice | undefined {
  const field = (name: string): unknown => fieldOf(message, name);
  switch (field('kind')) {
    case 'planned': {
      const plan = readList(field('plan'), MOST_CHECKS, readPlanned);
      return plan && { kind: 'planned', plan };
    }
    case 'begun': {
      const id = readId(field('id'));
      return id === undefined ? undefined : { kind: 'begun', id };
    }
    case 'ended': {
      const report = readReport(field('report'));
      return report && { kind: 'ended', report };
    }
    case 'done':
      return { kind: 'done' };
    case 'refused': {
      const why = readText(field('why'));
      return why === undefined ? undefined : { kind: 'refused', why };
    }
    case 'fault': {
      const stack = field('stack');
      return typeof stack === 'string' ? { kind: 'fault', stack: harmlessLines(stack) } : undefined;
    }
    default:
      return undefined;
  }
}

function readPlanned(value: unknown): PlannedCheck | undefined {
  const [id, title] = [readId(fieldOf(value, 'id')), readText(fieldOf(value, 'title'))];
  const [group, shown] = [fieldOf(value, 'group'), fieldOf(value, 'shown')];
  if (id === undefined || title === undefined || !isGroup(group) || !isWhenShown(shown)) return undefined;
  return { id, group, title, shown };
}

function isGroup(value: unknown): value is Group {
  return typeof value === 'string' && Object.hasOwn(GROUPS, value);
}

function isWhenShown(value: unknown): value is PlannedCheck['shown'] {
  return SHOWN.includes(value);
}

function isVerdict(value: unknown): value is Verdict {
  return VERDICTS.includes(value);
}

function readReport(value: unknown): Omit<CheckReport, 'group' | 'title'> | undefined {
  const [id, durationMs] = [readId(fieldOf(value, 'id')), fieldOf(value, 'durationMs')];
  const findings = readList(fieldOf(value, 'findings'), MOST_FINDINGS, readFinding);
  const skippedBecause = readOptionalText(fieldOf(value, 'skippedBecause'));
  if (id === undefined || findings === undefined || skippedBecause === null) return undefined;
  if (typeof durationMs !== 'number' || !(durationMs >= 0 && durationMs < Number.MAX_SAFE_INTEGER))
    return undefined;
  const verdict = skippedBecause === undefined ? worstOf(findings) : 'skipped';
  return { id, verdict, findings, skippedBecause, durationMs };
}

function readFinding(value: unknown): Finding | undefined {
  const [verdict, text] = [fieldOf(value, 'verdict'), readText(fieldOf(value, 'text'))];
  const remedy = readOptionalText(fieldOf(value, 'remedy'));
  const token = readOptionalText(fieldOf(value, 'token'), MOST_TOKEN_CHARACTERS);
  if (!isVerdict(verdict) || text === undefined || remedy === null || token === null) return undefined;
  return {
    verdict,
    text,
    ...(remedy !== undefined && { remedy }),
    ...(token !== undefined && { token }),
  };
}

/** @returns undefined if one of them has another form, or there are too many */
function readList<T>(
  value: unknown,
  most: number,
  read: (entry: unknown) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined;
  const entries = listOf(value).flatMap((entry) => read(entry) ?? []);
  return entries.length === value.length ? entries : undefined;
}

function readId(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= MOST_ID_CHARACTERS ? value : undefined;
}

function readText(value: unknown, mostCharacters = MOST_TEXT_CHARACTERS): string | undefined {
  return typeof value === 'string' ? quoted(value, mostCharacters) : undefined;
}

/** @returns null if it is there, and no text */
function readOptionalText(value: unknown, mostCharacters?: number): string | undefined | null {
  return value === undefined ? undefined : (readText(value, mostCharacters) ?? null);
}

function harmlessLines(stack: string): string {
  const lines = stack.slice(0, MOST_STACK_CHARACTERS).split('\n');
  return lines.map((line) => quoted(line, MOST_TEXT_CHARACTERS)).join('\n');
}
