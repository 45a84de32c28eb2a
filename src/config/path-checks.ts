// Paths that are valid and match less than was meant: a star forgotten at the end, a regular expression taken as text.
// Works on the document as it stands in the file, whatever else is wrong with it.

import type { Finding } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';

export function findPathProblems(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const upstreams = mapOf(root.get('upstreams'));
  const routes = listOf(root.get('routes')).map(mapOf);
  const patterns = new Set(routes.map((route) => pathOf(route) ?? ''));
  return routes.flatMap((route, index) => {
    const path = pathOf(route);
    if (path?.startsWith('/') !== true) return [];
    const upstream = mapOf(upstreams.get(textOf(route.get('upstream')) ?? ''));
    const fault = regularExpression(path) ?? forgottenStar(path, patterns, upstream);
    if (fault === undefined) return [];
    return [{ severity: 'warning', path: ['routes', index, 'match', 'path'], at: 'value', ...fault }];
  });
}

function pathOf(route: RawMap): string | undefined {
  return textOf(mapOf(route.get('match')).get('path'));
}

type Warning = Pick<Finding, 'message' | 'hint'>;

/** None of these letters is in the path of a gRPC call, and in that of a URL they are percent-encoded (RFC 3986). */
function regularExpression(path: string): Warning | undefined {
  const withoutVariables = path.replace(/\$?\{\{?[^{}]*\}?\}/g, '');
  if (withoutVariables !== path && !path.includes('$') && !path.includes('{{')) {
    const prefix = path.slice(0, path.indexOf('{'));
    return {
      message: `'${path}' matches its braces as they stand`,
      hint: `a part that varies is a *: ${prefix}*`,
    };
  }
  const found = /\.\*$|[\\^|[\]{}]|\$$|\(.*\)/.exec(withoutVariables);
  if (found === null) return undefined;
  const prefix = withoutVariables.slice(0, found.index);
  const meant = found[0] === '$' ? prefix : `${prefix.replace(/\/$/, '')}/*`;
  return {
    message: `'${path}' is matched letter by letter, not as a regular expression`,
    hint: `write the path, or a prefix that ends in *, such as ${meant}`,
  };
}

/** The name of a service as gRPC writes it, and nothing behind it. Other HTTP/2 requests may well be for /health. */
const serviceAlone = /^\/([A-Za-z_][A-Za-z0-9_]*\.)+[A-Z][A-Za-z0-9_]*$/;

/** A path that ends in a slash, or has no method, is no gRPC call's (/package.Service/Method). */
function forgottenStar(path: string, patterns: ReadonlySet<string>, upstream: RawMap): Warning | undefined {
  if (path.endsWith('*')) return undefined;
  const isHttp1 = upstream.get('protocol') === 'http1';
  const meant = path.endsWith('/') ? `${path}*` : `${path}/*`;
  if (patterns.has(meant)) return undefined;
  if (path.endsWith('/')) {
    return { message: `'${path}' matches this one path alone, and nothing below it`, hint: `write ${meant}` };
  }
  if (isHttp1 || !serviceAlone.test(path)) return undefined;
  return {
    message: `'${path}' matches no gRPC call, as their paths are /package.Service/Method`,
    hint: `write ${meant} for all methods`,
  };
}
