// What shells, compose files and templates would fill in, and this configuration does not: ${PORT}, {{ port }}, ~/certs.
// A value that is refused for it gets the hint; one that would be taken as it stands gets a warning.

import { type ConfigPath, formatPath } from './config-path.ts';
import type { Finding } from './problem.ts';

/** Nobody writes these but to have them filled in. */
const braces = /\$\{[A-Za-z_][^}]*\}|\{\{.*?\}\}|<%.*?%>/;
/** These may be what they look like, so they count only where the value is refused. */
const bare = /\$[A-Za-z_][A-Za-z0-9_]*|\$\(.*?\)|%[A-Z_]+%/;
const home = /^(unix:)?~[A-Za-z0-9_-]*\//;

const notFilledIn = 'variables are not filled in here: write the value itself, or let envsubst make the file';
const notExpanded = '~ is not expanded here: write the whole path';

/** No value of the configuration lies deeper. */
const mostLevels = 12;

/** @param value the document the findings are about */
export function explainVariables(findings: readonly Finding[], value: unknown): readonly Finding[] {
  const texts = new Map([...textsOf(value)].map(([path, text]) => [formatPath(path), { path, text }]));
  const explained = findings.map((finding) => {
    const place = formatPath(finding.path);
    const text = finding.at === 'value' ? texts.get(place)?.text : undefined;
    const hint = text === undefined || finding.severity === 'warning' ? undefined : hintOf(text);
    if (hint === undefined) return finding;
    texts.delete(place);
    return { ...finding, hint };
  });
  const remarks = [...texts.values()].flatMap(({ path, text }): readonly Finding[] => {
    const variable = braces.exec(text)?.[0];
    if (variable === undefined) return [];
    const message = `'${variable}' is taken as it stands`;
    return [{ severity: 'warning', path, at: 'value', message, hint: notFilledIn }];
  });
  return [...explained, ...remarks];
}

function hintOf(text: string): string | undefined {
  if (home.test(text)) return notExpanded;
  return braces.test(text) || bare.test(text) ? notFilledIn : undefined;
}

/** What aliases share is looked at once. */
function* textsOf(
  value: unknown,
  path: ConfigPath = [],
  seen = new Set<unknown>(),
): Generator<readonly [ConfigPath, string]> {
  if (typeof value === 'string') yield [path, value];
  if (typeof value !== 'object' || value === null || path.length > mostLevels || seen.has(value)) return;
  seen.add(value);
  for (const [key, item] of Object.entries(value)) {
    yield* textsOf(item, [...path, Array.isArray(value) ? Number(key) : key], seen);
  }
}
