// What `set` gives a variable on the way to a location, and the conditions under which another value comes after it.

import { allDirectives, type Directive } from './directive.ts';
import type { Scope } from './scope.ts';

export interface Assignments {
  /** The last one that is always made. */
  readonly base: Directive | undefined;
  /** Each `if` behind it that gives the variable another value. */
  readonly conditions: readonly Directive[];
}

/** nginx goes through the blocks from the outside in, and through each in its order. */
export function assignmentsOf(name: string, scope: Scope): Assignments {
  const scopes: Scope[] = [];
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) scopes.unshift(at);
  let base: Directive | undefined;
  let conditions: Directive[] = [];
  for (const at of scopes) {
    // Most blocks have neither, and a block may have a hundred thousand directives.
    if (at.own('set').length + at.own('if').length === 0) continue;
    for (const directive of at.directives) {
      if (sets(directive, name)) {
        base = directive;
        conditions = [];
      } else if (directive.name === 'if') {
        if ([...allDirectives(directive.block ?? [])].some((inner) => sets(inner, name)))
          conditions.push(directive);
      }
    }
  }
  return { base, conditions };
}

function sets({ name, words }: Directive, variable: string): boolean {
  return name === 'set' && words[0] === `$${variable}`;
}
