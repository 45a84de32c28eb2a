// Which of two routes is the more specific: the rule by which the route table is ordered, so that the order of the
// file never matters. From the outside in, as nginx chooses (listening socket, then server_name, then location):
//
//   1. listener   named > any
//   2. host       exact > longest wildcard > any
//   3. path       exact > longest prefix > any        ('/*' counts as any)
//   4. headers    more > fewer
//   5. the headers as text, 'name: value' sorted by name, the alphabetically first
//
// Rules 1 to 4 leave undecided only routes whose headers differ; 5 makes the order total, and `check` warns when
// a request could meet both. Two routes with the same match are duplicates, which are refused.

import type { RouteConfig, RouteMatchConfig } from '../config/config.ts';

/** Negative when `a` is tried before `b`; 0 for duplicates only. */
export function compareSpecificity(a: RouteConfig, b: RouteConfig): number {
  return (
    Number(b.match.listener !== undefined) - Number(a.match.listener !== undefined) ||
    comparePatterns(a.match.host, b.match.host) ||
    comparePatterns(pathCriterion(a.match), pathCriterion(b.match)) ||
    b.match.headers.size - a.match.headers.size ||
    compareTexts(headersText(a.match), headersText(b.match)) ||
    // Routes that can never meet the same request: any order will do, as long as it is always the same.
    compareTexts(a.match.listener ?? '', b.match.listener ?? '') ||
    compareTexts(a.match.host ?? '', b.match.host ?? '') ||
    compareTexts(pathCriterion(a.match) ?? '', pathCriterion(b.match) ?? '')
  );
}

/** '/*' holds for every path, so it is no criterion. */
export function pathCriterion(match: RouteMatchConfig): string | undefined {
  return match.path === '/*' ? undefined : match.path;
}

/** Exact before pattern, longer pattern before shorter, pattern before none. */
function comparePatterns(a: string | undefined, b: string | undefined): number {
  return weightOf(b) - weightOf(a) || 0;
}

function weightOf(pattern: string | undefined): number {
  if (pattern === undefined) return -1;
  return pattern.includes('*') ? pattern.length : Number.MAX_SAFE_INTEGER;
}

function headersText(match: RouteMatchConfig): string {
  const lines = [...match.headers].map(([name, value]) => `${name}: ${value}`);
  return lines.toSorted(compareTexts).join('\n');
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
