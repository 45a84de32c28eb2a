// Decides which of two routes is more specific. The route table is sorted by this rule, so that the order of the file never
// matters. Criteria count from the outside in, as in nginx (listening socket, then server_name, then location):
//
//   1. listener   named > any
//   2. host       exact > longest wildcard > any
//   3. path       exact > longest prefix > any        ('/*' counts as any)
//   4. headers    more > fewer
//   5. the headers as text, 'name: value' sorted by name, the alphabetically first
//
// Rules 1 to 4 leave only routes undecided whose headers differ. Rule 5 makes the order total, and `check` warns when a
// request could match both. Two routes with the same match are duplicates, which are refused.

import type { RouteConfig, RouteMatchConfig } from '../config/route-config.ts';

/** Negative when `a` is tried before `b`. 0 only for duplicates. */
export function compareSpecificity(a: Pick<RouteConfig, 'match'>, b: Pick<RouteConfig, 'match'>): number {
  return (
    Number(b.match.listener !== undefined) - Number(a.match.listener !== undefined) ||
    comparePatterns(a.match.host, b.match.host) ||
    comparePatterns(pathCriterion(a.match), pathCriterion(b.match)) ||
    b.match.headers.size - a.match.headers.size ||
    compareTexts(headersText(a.match), headersText(b.match)) ||
    // These routes can never match the same request. Any order will do, as long as it is always the same.
    compareTexts(a.match.listener ?? '', b.match.listener ?? '') ||
    compareTexts(a.match.host ?? '', b.match.host ?? '') ||
    compareTexts(pathCriterion(a.match) ?? '', pathCriterion(b.match) ?? '')
  );
}

/** The path that a request must match. Undefined when every path matches: without a path, and for '/*'. */
export function pathCriterion(match: RouteMatchConfig): string | undefined {
  return match.path === '/*' ? undefined : match.path;
}

/** Sorts exact names before patterns, longer patterns before shorter ones, and patterns before none. */
function comparePatterns(a: string | undefined, b: string | undefined): number {
  return weightOf(b) - weightOf(a) || 0;
}

function weightOf(pattern: string | undefined): number {
  if (pattern === undefined) return -1;
  return pattern.includes('*') ? pattern.length : Number.MAX_SAFE_INTEGER;
}

/** The headers that a request must have, in one order however they are written. */
export function headersText(match: RouteMatchConfig): string {
  const lines = [...match.headers].map(([name, value]) => `${name}: ${value}`);
  return lines.toSorted(compareTexts).join('\n');
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
