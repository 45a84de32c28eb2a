// Checks the `limits` of routes against what else the route has. The checks read the unvalidated document, so they also run when the
// schema rejects the file.

import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';

export function findLimitProblems(document: unknown): readonly Finding[] {
  return listOf(mapOf(document).get('routes')).flatMap((each, index) => {
    const route = mapOf(each);
    const knowsCallers = namesIdentity(mapOf(route.get('access')));
    return listOf(route.get('limits')).flatMap((written, position) => {
      const limit = mapOf(written);
      const path = ['routes', index, 'limits', position];
      const ofCallers = knowsCallers ? [] : withoutIdentity(limit, path, route);
      return [...ofCallers, ...sizedBurst(limit, [...path, 'burst'])];
    });
  });
}

/** What is no number of bytes has no unit of size. */
function sizedBurst(limit: RawMap, path: ConfigPath): readonly Finding[] {
  const [count, burst] = [textOf(limit.get('count')), textOf(limit.get('burst'))];
  if (count === undefined || count === 'bytes' || burst === undefined || !/^[0-9]+[kKMG]?i?B$/.test(burst))
    return [];
  const hint = 'write a plain number, such as 100';
  return [{ severity: 'error', path, at: 'value', message: `${count} have no size`, hint }];
}

/** Only `access` finds out who calls. */
function withoutIdentity(limit: RawMap, path: ConfigPath, route: RawMap): readonly Finding[] {
  const position = listOf(limit.get('by')).indexOf('identity');
  const wanted: readonly ConfigPath[] = [
    ...(position === -1 ? [] : [['by', position]]),
    ...listOf(limit.get('descriptors')).flatMap((each, index) =>
      [...mapOf(each)].flatMap(([key, value]) => (value === 'identity' ? [['descriptors', index, key]] : [])),
    ),
  ];
  const message = route.has('access')
    ? 'is never known: access of this route names no identity'
    : 'is never known: this route has no access';
  return wanted.map((where) => {
    const instead = where[0] === 'by' ? 'by: [client]' : 'client';
    const hint = `write access: { require: [NAME] } with one of identities, or ${instead}`;
    return { severity: 'error', path: [...path, ...where], at: 'value', message, hint };
  });
}

function namesIdentity(access: RawMap): boolean {
  if (listOf(access.get('require')).length > 0) return true;
  const rules = [...listOf(access.get('allow')), ...listOf(access.get('deny'))].map(mapOf);
  return rules.some(
    (rule) => textOf(rule.get('identity')) !== undefined || listOf(rule.get('identity')).length > 0,
  );
}
