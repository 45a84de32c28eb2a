// Finds paths that are valid but match less than was meant: a forgotten star at the end, or a regular expression read as text.
// The checks read the unvalidated document, so they also run when the schema rejects the file.

import type { Finding } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { upstreamsOf } from './route-upstreams.ts';

export function findPathProblems(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const upstreams = mapOf(root.get('upstreams'));
  const routes = listOf(root.get('routes')).map(mapOf);
  const patterns = new Set(routes.map((route) => pathOf(route) ?? ''));
  return routes.flatMap((route, index) => {
    const path = pathOf(route);
    if (path?.startsWith('/') !== true) return [];
    const upstream = mapOf(upstreams.get(upstreamsOf(route)[0]?.name ?? ''));
    const fault = regularExpression(path) ?? forgottenStar(path, patterns, upstream);
    if (fault === undefined) return [];
    return [{ severity: 'warning', path: ['routes', index, 'match', 'path'], at: 'value', ...fault }];
  });
}

function pathOf(route: RawMap): string | undefined {
  return textOf(mapOf(route.get('match')).get('path'));
}

type Warning = Pick<Finding, 'message' | 'hint'>;

/**
 * Warns of characters that no gRPC path contains and that a URL has only percent-encoded (RFC 3986). A dot before the star at the end is
 * that of a package, as in `/grpc.reflection.*`, unless a slash stands before it.
 */
function regularExpression(path: string): Warning | undefined {
  const withoutVariables = path.replace(/\$?\{\{?[^{}]{0,200}\}?\}/g, '');
  if (withoutVariables !== path && !path.includes('$') && !path.includes('{{')) {
    const prefix = path.slice(0, path.indexOf('{'));
    return {
      message: `'${path}' matches its braces as they stand`,
      hint: `a part that varies is a *: ${prefix}*`,
    };
  }
  const found = /\/\.\*$|\.\*.|[\\^|[\]{}]|\$$|\(.{0,200}\)/.exec(withoutVariables);
  if (found === null) return undefined;
  const prefix = withoutVariables.slice(0, found.index);
  const meant = found[0] === '$' ? prefix : `${prefix.replace(/\/$/, '')}/*`;
  return {
    message: `'${path}' is matched letter by letter, not as a regular expression`,
    hint: `write the path, or a prefix that ends in *, such as ${meant}`,
  };
}

/** A gRPC service name without a method. The name must have a package: other HTTP/2 requests may be for a path like /health. */
const serviceAlone = /^\/([A-Za-z_][A-Za-z0-9_]*\.)+[A-Z][A-Za-z0-9_]*$/;

/** Warns of a path that ends in a slash or lacks a method, because a gRPC path is /package.Service/Method. */
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
