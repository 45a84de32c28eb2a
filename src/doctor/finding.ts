// The findings of a check, in sentences for a person, and the escaping of texts from peers: services and proxies under examination may
// answer anything, and their answers are printed to terminals.

import { visibleText } from '../config/visible-text.ts';
import { type DiagnosisCode, diagnosisCode } from '../diagnosis/codes.ts';

/** 'skipped' says why nothing was examined; 'note' says something worth knowing; 'warning' does not make the exit code 1, and 'failed' does. */
export type Verdict = 'skipped' | 'ok' | 'note' | 'warning' | 'failed';

export interface Finding {
  readonly verdict: Verdict;
  /** What was seen, and, if it is wrong, the cause. */
  readonly text: string;
  /** What to do. Undefined if there is nothing to do, or the text says it. */
  readonly remedy?: string | undefined;
  /** The token of a diagnosis, if there is one for this. */
  readonly token?: string | undefined;
}

export function ok(text: string): Finding {
  return { verdict: 'ok', text };
}

export function note(text: string, remedy?: string): Finding {
  return { verdict: 'note', text, remedy };
}

/** Why a check has examined nothing. A check that has no other finding has not passed. */
export function unexamined(text: string, remedy?: string): Finding {
  return { verdict: 'skipped', text, remedy };
}

export function warning(text: string, remedy?: string, token?: string): Finding {
  return { verdict: 'warning', text, remedy, token };
}

export function failed(text: string, remedy?: string, token?: string): Finding {
  return { verdict: 'failed', text, remedy, token };
}

const SEVERITY: Readonly<Record<Verdict, number>> = { skipped: 0, ok: 1, note: 2, warning: 3, failed: 4 };

/** @returns the most severe verdict, 'ok' if there is no finding */
export function worstOf(findings: readonly Finding[]): Verdict {
  if (findings.length === 0) return 'ok';
  return findings.reduce<Verdict>(
    (worst, { verdict }) => (SEVERITY[verdict] > SEVERITY[worst] ? verdict : worst),
    'skipped',
  );
}

/** @param hide takes secrets out of a text */
export function withoutSecrets(finding: Finding, hide: (text: string) => string): Finding {
  const { text, remedy, token } = finding;
  // A running proxy may name any token. Those of the catalogue are ours.
  const isOurs = token === undefined || pageOf(finding) !== undefined;
  return {
    ...finding,
    text: hide(text),
    ...(remedy !== undefined && { remedy: hide(remedy) }),
    ...(!isOurs && { token: hide(token) }),
  };
}

/** @returns the code of the diagnosis and its page, or undefined if the finding has none */
export function pageOf({
  token,
}: Finding): { readonly code: DiagnosisCode; readonly page: string } | undefined {
  const code = diagnosisCode(token ?? '');
  return code === '' ? undefined : { code, page: `docs/diagnoses/${code}.md` };
}

const MOST_CHARACTERS = 300;
/** Of one text of a report. */
export const MOST_TEXT_CHARACTERS = 2000;

/** Stands where a text of others was cut. */
export const CUT = '…';

/** Makes text of others harmless: control characters and invisible ones are escaped, and the text is cut. */
export function quoted(text: string, mostCharacters = MOST_CHARACTERS): string {
  const cut = text.length > mostCharacters ? `${text.slice(0, mostCharacters)}${CUT}` : text;
  return visibleText(cut);
}

/** @returns what a peer said, in quotation marks and harmless to print, or 'an HTML page', whose text says nothing to a reader */
export function shownText(text: string, mostCharacters?: number): string {
  return isHtml(text) ? 'an HTML page' : `“${quoted(text, mostCharacters)}”`;
}

function isHtml(text: string): boolean {
  return /^\s*<(?:!doctype html|html|head|body)\b/i.test(text);
}

/** @returns 'in 12 ms', 'in 1.3 s' */
export function took(milliseconds: number): string {
  return milliseconds < 1000
    ? `in ${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`
    : `in ${(milliseconds / 1000).toFixed(1)} s`;
}
