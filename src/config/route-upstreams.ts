// The upstreams that a route of the unvalidated document names, and what is wrong with how it splits calls among them.

import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';
import { firstIndexes, listOf, mapOf, type RawMap, textOf } from './raw-value.ts';

export interface NamedUpstream {
  readonly name: string;
  /** Where the name stands, below the route. */
  readonly path: ConfigPath;
}

/** Empty names and values that are not texts are left out. */
export function upstreamsOf(route: RawMap): readonly NamedUpstream[] {
  const parts = listOf(route.get('split')).map((part, index) => ({
    name: textOf(mapOf(part).get('upstream')),
    path: ['split', index, 'upstream'] as ConfigPath,
  }));
  return named([{ name: textOf(route.get('upstream')), path: ['upstream'] }, ...parts]);
}

/** The upstreams that policies of the route ask about its calls. */
export function askedUpstreamsOf(route: RawMap): readonly NamedUpstream[] {
  const limiters = listOf(route.get('limits')).map((limit, index) => ({
    name: textOf(mapOf(limit).get('service')),
    path: ['limits', index, 'service'] as ConfigPath,
  }));
  const authorizer = textOf(mapOf(route.get('authorize')).get('upstream'));
  return named([{ name: authorizer, path: ['authorize', 'upstream'] }, ...limiters]);
}

function named(
  found: readonly { readonly name: string | undefined; readonly path: ConfigPath }[],
): readonly NamedUpstream[] {
  return found.flatMap(({ name, path }) => (name === undefined || name === '' ? [] : [{ name, path }]));
}

export function findSplitProblems(document: unknown): readonly Finding[] {
  return listOf(mapOf(document).get('routes')).flatMap((route, index) =>
    checkSplit(listOf(mapOf(route).get('split')).map(mapOf), ['routes', index, 'split']),
  );
}

function checkSplit(parts: readonly RawMap[], path: ConfigPath): readonly Finding[] {
  if (parts.length > 0 && parts.every((part) => part.get('weight') === 0)) {
    const message = 'has no weight above 0, so no call could go anywhere';
    return [{ severity: 'error', path, at: 'value', message, hint: 'write weight: 1 at one of them' }];
  }
  const names = parts.map((part) => textOf(part.get('upstream')));
  const firsts = firstIndexes(names);
  return parts.flatMap((part, index) => {
    const findings: Finding[] = [];
    if (part.get('weight') === 0)
      findings.push(
        warning(
          [...path, index, 'weight'],
          'no call goes to this upstream',
          'remove it, or raise its weight',
        ),
      );
    const first = firsts.get(names[index]);
    if (names[index] !== undefined && first !== index)
      findings.push(
        warning(
          [...path, index, 'upstream'],
          `'${names[index]}' is split[${first}] already`,
          'add the weights',
        ),
      );
    return findings;
  });
}

function warning(path: ConfigPath, message: string, hint: string): Finding {
  return { severity: 'warning', path, at: 'value', message, hint };
}
