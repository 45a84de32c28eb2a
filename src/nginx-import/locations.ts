// The locations of a server, including nested ones, and which of them nginx would ever use: if a regular expression takes all calls of a
// prefix, the location of the prefix gets none.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { type LocationPattern, patternOf } from './location-pattern.ts';
import { PathIndex } from './path-index.ts';
import { Scope } from './scope.ts';

export interface Location {
  readonly directive: Directive;
  readonly scope: Scope;
  readonly pattern: LocationPattern;
}

export function locationsOf(scope: Scope): readonly Location[] {
  return scope.own('location').flatMap((directive) => {
    const inner = new Scope(directive.block ?? [], scope, directive);
    return [{ directive, scope: inner, pattern: patternOf(directive) }, ...locationsOf(inner)];
  });
}

/** @returns those that can get calls and whose paths can be said. The others are judged. */
export function reachableLocations(locations: readonly Location[], ledger: Ledger): readonly Location[] {
  const takers = new Takers(locations);
  return locations.filter((location) => {
    const { pattern, directive } = location;
    if (pattern.kind === 'named') return false;
    if (pattern.paths === undefined) {
      ledger.refuse(directive, whyUnsayable(pattern));
      return false;
    }
    const taker = takers.of(location);
    if (taker === undefined) {
      if (pattern.note === undefined) ledger.carry(directive);
      else ledger.change(directive, pattern.note);
      return true;
    }
    const { file, line } = taker.directive;
    ledger.change(
      directive,
      `left out: nginx never gets here, as the location of ${file}:${line} takes all of its calls`,
    );
    ledger.settleBlock(directive);
    return false;
  });
}

function whyUnsayable({ kind }: LocationPattern): string {
  return kind === 'regex'
    ? 'this expression cannot be said as paths, which are exact or a prefix that ends in *: its calls take other routes, or none'
    : 'this path holds characters that the path of a request never has';
}

/** Finds the location that takes all calls of another one. */
class Takers {
  readonly #expressions = new PathIndex<{ readonly location: Location; readonly order: number }>();
  readonly #prefixes = new PathIndex<Location>();
  readonly #orders = new Map<Location, number>();

  constructor(locations: readonly Location[]) {
    for (const [order, location] of locations.entries()) {
      const { kind, paths = [], text } = location.pattern;
      this.#orders.set(location, order);
      if (kind === 'regex') for (const path of paths) this.#expressions.add(path, { location, order });
      else if (kind.endsWith('prefix')) this.#prefixes.add(`${text}*`, location);
    }
  }

  of(location: Location): Location | undefined {
    const { kind, text, paths = [] } = location.pattern;
    if (kind === 'exact' || kind === 'sure-prefix') return undefined;
    if (kind === 'prefix') return this.#firstExpression([`${text}*`], Number.POSITIVE_INFINITY);
    const before = this.#firstExpression(paths, this.#orders.get(location) ?? 0);
    if (before !== undefined) return before;
    const [first, ...others] = paths;
    const nearest = this.#prefixes
      .covering(first)
      .findLast(({ pattern }) => others.every((path) => path.startsWith(pattern.text)));
    return nearest?.pattern.kind === 'sure-prefix' ? nearest : undefined;
  }

  /** @returns the first expression before a place that takes all of these paths */
  #firstExpression([first, ...others]: readonly string[], before: number): Location | undefined {
    const candidates = this.#expressions
      .covering(first)
      .filter(
        ({ location, order }) =>
          order < before && others.every((path) => location.pattern.paths?.some((one) => covers(one, path))),
      );
    return candidates.toSorted((one, other) => one.order - other.order)[0]?.location;
  }
}

/** Whether a path pattern of Framegate matches all that another one matches. */
export function covers(wide: string, narrow: string): boolean {
  if (!wide.endsWith('*')) return wide === narrow;
  return narrow.replace(/\*$/, '').startsWith(wide.slice(0, -1));
}
