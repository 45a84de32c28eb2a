// What a route is chosen by, and how its path is compared.

export interface HeaderSource {
  /** The value of the header of this lower-case name. */
  get(name: string): string | undefined;
}

export interface RoutedRequest {
  /** Name of the listener it came in by. */
  readonly listener: string;
  /** `:authority` as routing/authority.ts normalises it; as the client sent it where it is none; '' when it sent none. */
  readonly authority: string;
  /** :path as the client sent it. */
  readonly path: string;
  readonly headers: HeaderSource;
}

/** Byte for byte: nothing is decoded and no case is folded, since the upstream would not do so either. */
export function matchesPath(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

export function withoutQuery(path: string): string {
  const queryAt = path.indexOf('?');
  return queryAt === -1 ? path : path.slice(0, queryAt);
}
