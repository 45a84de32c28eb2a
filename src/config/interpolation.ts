// Variables that shells, compose files and templates would fill in but this configuration does not: ${PORT}, {{ port }}, ~/certs.
// A rejected value that contains one gets a hint; a value that would be used literally gets a warning.

import { type ConfigPath, formatPath } from './config-path.ts';
import { findForeignVariable } from './foreign-variables.ts';
import { ALL_VARIABLES } from './header-template.ts';
import type { Finding } from './problem.ts';

// What begins again and again and never ends must not be searched to the end of the text each time, hence the lengths.

/** Anyone who writes these expects them to be filled in. */
const braces = /\$\{[A-Za-z_][^}]{0,100}\}|\{\{.{0,100}?\}\}|<%.{0,100}?%>/;
/** These may be meant literally, so they count only if the value is rejected. */
const bare = /\$[A-Za-z_]|\$\(.{0,100}?\)|%[A-Z_]{1,100}%/;
const home = /^(unix:)?~[A-Za-z0-9_-]*\//;

const notFilledIn = 'variables are not filled in here: write the value itself, or let envsubst make the file';
const notExpanded = '~ is not expanded here: write the whole path';

/** The depth at which the search stops. No value of the configuration is nested more deeply. */
const mostLevels = 12;

/**
 * Replaces the hints of errors that a variable explains, and adds a warning for each variable that would be used literally.
 * @param value the document that the findings are about
 */
export function explainVariables(findings: readonly Finding[], value: unknown): readonly Finding[] {
  const texts = new Map([...textsOf(value)].map(([path, text]) => [formatPath(path), { path, text }]));
  const explained = findings.map((finding) => {
    const place = formatPath(finding.path);
    const text = finding.at === 'value' ? texts.get(place)?.text : undefined;
    const isOurs = finding.severity === 'warning' || isFilledIn(finding.path);
    const hint = text === undefined || isOurs ? undefined : hintOf(text);
    if (hint === undefined) return finding;
    texts.delete(place);
    return { ...finding, hint };
  });
  const remarks = [...texts.values()].flatMap(({ path, text }): readonly Finding[] => {
    if (isFilledIn(path)) return remarkOnForeign(path, text);
    const variable = braces.exec(text)?.[0];
    if (variable === undefined) return [];
    const message = `'${variable}' is taken as it stands`;
    return [{ severity: 'warning', path, at: 'value', message, hint: notFilledIn }];
  });
  return [...explained, ...remarks];
}

/** Values of header fields, and the address of a redirect, have variables of their own, which name something of the call. */
function isFilledIn(path: ConfigPath): boolean {
  if (path[0] !== 'routes') return false;
  return path[2] === 'headers' || (path[2] === 'redirect' && path[3] === 'to');
}

/** Whoever comes from another proxy writes its variables, which would be sent as they are written. */
function remarkOnForeign(path: ConfigPath, text: string): readonly Finding[] {
  const variable = findForeignVariable(text);
  if (variable === undefined) return [];
  const { written, own } = variable;
  const isOfResponse = path[3] !== 'request' && path[2] === 'headers';
  const hint = isOfResponse
    ? 'only ${route} is known in responses; write the value itself'
    : own === undefined
      ? ALL_VARIABLES
      : `write \${${own}}`;
  return [{ severity: 'warning', path, at: 'value', message: `'${written}' is sent as it stands`, hint }];
}

function hintOf(text: string): string | undefined {
  if (home.test(text)) return notExpanded;
  return braces.test(text) || bare.test(text) ? notFilledIn : undefined;
}

/** Yields every text with its path. A value that several aliases share is visited once. */
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
