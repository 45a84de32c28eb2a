// A row of the result: what both proxies did in the same case, and whether that is the same.

import type { ProxyName } from './started-proxy.ts';

export interface Row {
  readonly scenario: string;
  readonly case: string;
  readonly framegate: string;
  readonly envoy: string;
  readonly isSame: boolean;
  /** Why they are expected to differ. Undefined where they are to be the same. */
  readonly why: string | undefined;
}

type Found<Value> = Readonly<Record<ProxyName, Value>>;

export interface Case {
  readonly scenario: string;
  readonly case: string;
  readonly why?: string;
}

/** Both have to be the same to the letter. */
export function compareTexts(about: Case, { framegate, envoy }: Found<string>): Row {
  return { why: undefined, ...about, framegate, envoy, isSame: framegate === envoy };
}

export interface Measure {
  /** By how much they may differ and still be the same. */
  readonly within: number;
  readonly textOf: (value: number) => string;
}

export function compareNumbers(about: Case, { framegate, envoy }: Found<number>, measure: Measure): Row {
  const { textOf, within } = measure;
  return {
    why: undefined,
    ...about,
    framegate: textOf(framegate),
    envoy: textOf(envoy),
    isSame: Math.abs(framegate - envoy) <= within,
  };
}

/** A share of calls. What comes by chance in a thousand calls is within five of a hundred. */
export const SHARE: Measure = { within: 0.05, textOf: (share) => `${(share * 100).toFixed(1)} %` };

export function verdictOf({ isSame, why }: Row): string {
  if (isSame) return why === undefined ? 'same' : 'same, although expected to differ';
  return why === undefined ? 'DIFFERS' : `differs: ${why}`;
}

export function linesOf(rows: readonly Row[]): readonly string[] {
  const cells = [
    ['scenario', 'case', 'Framegate', 'Envoy', 'verdict'],
    ...rows.map((row) => [row.scenario, row.case, row.framegate, row.envoy, verdictOf(row)]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((row) => row[column].length)));
  const lineOf = (row: readonly string[]): string =>
    `| ${row.map((text, column) => (column === 4 ? text : text.padEnd(widths[column]))).join(' | ')} |`;
  return [
    lineOf(cells[0]),
    `|${widths.map((width, column) => '-'.repeat(column === 4 ? 9 : width + 2)).join('|')}|`,
    ...cells.slice(1).map((row) => lineOf(row)),
  ];
}
