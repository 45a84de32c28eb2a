// What a route is chosen by, and how its path is compared.

export interface HeaderSource {
  /** The value of the header with this lower-case name. Of a request, it is the list of all its values (RFC 9110 section 5.3). */
  get(name: string): string | undefined;
}

export interface RoutedRequest {
  /** The name of the listener that accepted the request. */
  readonly listener: string;
  /** `:authority` as routing/authority.ts normalises it. An invalid one is as the client sent it, and '' when the client sent none. */
  readonly authority: string;
  /** The :path as the client sent it. */
  readonly path: string;
  readonly headers: HeaderSource;
}

/** Whether the path matches, compared byte for byte. Nothing is decoded and case matters, since the service would compare likewise. */
export function matchesPath(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

export function withoutQuery(path: string): string {
  const queryAt = path.indexOf('?');
  return queryAt === -1 ? path : path.slice(0, queryAt);
}
