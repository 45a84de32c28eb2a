// Hosts in the form in which routes compare them: lower case, without port and without the final dot of a fully qualified name.

/** The host of an :authority. An IPv6 address keeps its brackets. */
export function hostOf(authority: string): string {
  const portAt = authority.startsWith('[') ? authority.indexOf(']') + 1 : authority.indexOf(':');
  const host = portAt <= 0 ? authority : authority.slice(0, portAt);
  return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase();
}

/** Whether the host matches `pattern`: an exact name, or `*.example.com` for one or more labels before `.example.com`. */
export function matchesHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*')) return pattern === host;
  const suffix = pattern.slice(1);
  return host.length > suffix.length && host.endsWith(suffix);
}
