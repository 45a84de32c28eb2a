// Whether what a filter of calls names is in the configuration of the running proxy. A filter for a name that nothing has leaves no call, and
// would wait in silence for ever.

import { suggest } from '../config/suggestion.ts';
import { visibleText } from '../config/visible-text.ts';
import { fieldOf, listOf, textOf } from '../control/answer-fields.ts';

/** Filters that name parts of the configuration. */
export interface NamedFilters {
  readonly route?: string | undefined;
  readonly upstream?: string | undefined;
  /** NAME, NAME:SUBJECT, or the beginning of one with `*` behind it. */
  readonly identity?: string | undefined;
}

/**
 * @param body the answer to `GET /api/config`, of which nothing is trusted
 * @returns a sentence without its full stop for each name that is not there
 */
export function describeUnknownNames(
  { route, upstream, identity }: NamedFilters,
  body: unknown,
): readonly string[] {
  const config = fieldOf(body, 'config');
  // Of what answers otherwise, nothing is known.
  if (!Array.isArray(fieldOf(config, 'routes'))) return [];
  const [ofIdentity = ''] = identity?.split(':') ?? [];
  return [
    ...describeUnknown('route', route, namesIn(config, 'routes')),
    ...describeUnknown('upstream', upstream, namesIn(config, 'upstreams')),
    ...describeUnknown(
      'identity',
      ofIdentity === '' || ofIdentity.endsWith('*') ? undefined : ofIdentity,
      namesIn(config, 'identities'),
    ),
  ];
}

function namesIn(config: unknown, list: string): readonly string[] {
  return listOf(fieldOf(config, list)).map((one) => textOf(fieldOf(one, 'name')));
}

function describeUnknown(
  kind: string,
  wanted: string | undefined,
  names: readonly string[],
): readonly string[] {
  if (wanted === undefined || names.includes(wanted)) return [];
  const close = suggest(wanted, names);
  const meant = close === undefined ? '' : ` (did you mean '${visibleText(close)}'?)`;
  return [
    `the configuration in use has no ${kind} '${visibleText(wanted)}'${meant}: no call is shown unless a reload adds it`,
  ];
}
