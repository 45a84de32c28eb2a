// Where a variable has one of several values: by `map` or `if` after a header field, or by `split_clients`. Only what routes can say in
// just the same way is read.

import { assignmentsOf } from './assignments.ts';
import type { Directive } from './directive.ts';
import { headerConditionOf, headerOf, plainValue, valuesOf } from './header-condition.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';

export interface Case {
  /** The value that the header field has; undefined for all others. */
  readonly header: { readonly name: string; readonly value: string } | undefined;
  /** What the variable is then, with its own variables. */
  readonly text: string;
  /** Of a split, in hundredths of a percent. */
  readonly share: number | undefined;
  readonly from: Directive;
}

export interface Choice {
  readonly cases: readonly Case[];
  /** Judges what has been read, once it is used. */
  readonly accept: (ledger: Ledger) => void;
}

/** As many routes would come of each location. */
const MOST_VALUES = 100;

/** @returns undefined if no directive gives the variable several values, or if routes cannot say which it has */
export function choiceOf(name: string, scope: Scope): Choice | undefined {
  const { base, conditions } = assignmentsOf(name, scope);
  if (base !== undefined)
    return conditions.length === 0 ? undefined : choiceOfConditions(name, base, conditions);
  const table = tableOf(name, scope);
  if (table?.name === 'map') return choiceOfMap(table);
  return table?.name === 'split_clients' ? choiceOfSplit(table) : undefined;
}

function tableOf(name: string, scope: Scope | undefined): Directive | undefined {
  for (let at = scope; at !== undefined; at = at.parent) {
    const found = [...at.own('map'), ...at.own('split_clients')].findLast(
      ({ words }) => words[1] === `$${name}`,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function choiceOfConditions(
  name: string,
  base: Directive,
  conditions: readonly Directive[],
): Choice | undefined {
  const cases: Case[] = [];
  for (const condition of conditions) {
    const [set, ...others] = condition.block ?? [];
    const wanted = headerConditionOf(condition);
    if (wanted === undefined || others.length > 0 || set?.name !== 'set' || set.words[0] !== `$${name}`)
      return undefined;
    for (const value of wanted.values)
      cases.push({
        header: { name: wanted.header, value },
        text: set.words[1] ?? '',
        share: undefined,
        from: set,
      });
  }
  if (!areApart(cases)) return undefined;
  cases.push({ header: undefined, text: base.words[1] ?? '', share: undefined, from: base });
  return {
    cases,
    accept: (ledger) => {
      for (const one of [base, ...conditions]) ledger.carry(one, 'match.headers of the routes');
      for (const condition of conditions) ledger.settleBlock(condition);
    },
  };
}

/** Whether at most one of the cases can hold. Of several conditions that hold, nginx takes the last. */
export function areApart(cases: readonly Pick<Case, 'header'>[]): boolean {
  const names = new Set(cases.map(({ header }) => header?.name));
  const values = new Set(cases.map(({ header }) => header?.value));
  return names.size === 1 && values.size === cases.length && cases.length <= MOST_VALUES;
}

function choiceOfMap(map: Directive): Choice | undefined {
  const header = headerOf(map.words[0] ?? '');
  if (header === undefined) return undefined;
  const found = new Map<string, Case>();
  let rest: Case | undefined;
  let missing: string | undefined;
  let ignoresCase = false;
  // Texts come before expressions, wherever they stand.
  for (const entry of (map.block ?? []).toSorted(
    (one, other) => Number(isExpression(one)) - Number(isExpression(other)),
  )) {
    const { name, words } = entry;
    const text = words[0] ?? '';
    if (/^(include|volatile)$/.test(name)) continue;
    if (name === 'default') rest = { header: undefined, text, share: undefined, from: entry };
    else if (name === '') missing = text;
    else {
      const values = isExpression(entry) ? valuesOf(name.slice(1)) : plainValue(name.replace(/^\\/, ''));
      if (values === undefined || words.length !== 1) return undefined;
      ignoresCase ||= !isExpression(entry) && /[a-z]/i.test(name);
      for (const value of values)
        if (!found.has(value))
          found.set(value, { header: { name: header, value }, text, share: undefined, from: entry });
    }
  }
  const cases = [...found.values()];
  // A field that is not sent takes the route without a criterion, as all other values do.
  if (rest === undefined || (missing ?? rest.text) !== rest.text || !areApart(cases)) return undefined;
  return {
    cases: [...cases, rest],
    accept: (ledger) => {
      if (ignoresCase) {
        ledger.changeDestination(
          map,
          `routes with match.headers, which compare letter by letter: nginx compares these values of ${header} without regard to case, and calls with another spelling take the route of the default; if your clients send other spellings, add a route for each of them`,
        );
      } else ledger.carry(map, 'routes with match.headers');
      ledger.settleBlock(map);
    },
  };
}

function isExpression({ name }: Directive): boolean {
  return name.startsWith('~');
}

const WHOLE = 10_000;

/** Keys that differ from call to call, so that nginx draws for each call as well. */
const OF_A_CALL = /^"?(\$\{?(request_id|msec|connection_requests)\}?)+"?$/;

function choiceOfSplit(split: Directive): Choice | undefined {
  const cases: Case[] = [];
  let left = WHOLE;
  for (const entry of split.block ?? []) {
    const [, percent] = /^(\d{1,3}(?:\.\d{1,2})?)%$/.exec(entry.name) ?? [];
    if (percent === undefined && entry.name !== '*') return undefined;
    const share = percent === undefined ? left : Math.round(Number(percent) * 100);
    left -= share;
    if (left < 0) return undefined;
    if (share > 0) cases.push({ header: undefined, text: entry.words[0] ?? '', share, from: entry });
  }
  // What is left over has an empty value in nginx, and no target.
  if (left !== 0 || cases.length > MOST_VALUES) return undefined;
  return {
    cases,
    accept: (ledger) => {
      if (OF_A_CALL.test(split.words[0] ?? '')) ledger.carry(split, 'split of the routes');
      else
        ledger.change(
          split,
          'split of the routes, which draws for each call: nginx draws by the key, so that calls with the same key stay together',
        );
      ledger.settleBlock(split);
    },
  };
}
