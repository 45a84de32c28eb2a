// Whether a setting of nginx, which each block may have of its own, holds for all calls. What Framegate has once for the whole process may
// not follow one block of many.

import { locationsOf } from './locations.ts';
import { Scope } from './scope.ts';

/** @returns whether each location that passes calls on has the setting, of its own or from a block around it */
export function holdsForAllCalls(name: string, http: Scope): boolean {
  return passingScopes(http).every((scope) => scope.inherited(name).length > 0);
}

/** @returns how many of the locations that pass calls on have the setting, and have it on */
export function callsWithSettingOn(name: string, http: Scope): 'all' | 'some' | 'none' {
  const scopes = passingScopes(http);
  const on = scopes.filter((scope) => scope.setting(name)?.words[0] === 'on').length;
  if (on === 0) return 'none';
  return on === scopes.length ? 'all' : 'some';
}

/** A configuration may have thousands of locations, and is asked for each setting. */
const known = new WeakMap<Scope, readonly Scope[]>();

function passingScopes(http: Scope): readonly Scope[] {
  const found =
    known.get(http) ??
    http
      .own('server')
      .flatMap((directive) => locationsOf(new Scope(directive.block ?? [], http, directive)))
      .map(({ scope }) => scope)
      .filter((scope) => scope.own('grpc_pass').length + scope.own('proxy_pass').length > 0);
  known.set(http, found);
  return found;
}
