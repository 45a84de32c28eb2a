// Checks the `limits` of routes against what else the route has. The checks read the unvalidated document, so they also run when the
// schema rejects the file.

import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';

export function findLimitProblems(document: unknown): readonly Finding[] {
  return listOf(mapOf(document).get('routes')).flatMap((each, index) => {
    const route = mapOf(each);
    const knowsCallers = namesIdentity(mapOf(route.get('access')));
    return listOf(route.get('limits')).flatMap((limit, position) =>
      knowsCallers ? [] : withoutIdentity(mapOf(limit), ['routes', index, 'limits', position], route),
    );
  });
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
