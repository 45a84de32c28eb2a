// Removes a route's stripPrefix from a :path, as whole segments: '/grpc' turns '/grpc/a.B/C' into '/a.B/C'. A path that does not
// begin with the prefix is returned as it is. The result always begins with '/'.

/** `prefix` must begin with '/' and not end with one. */
export function stripPrefix(path: string, prefix: string): string {
  if (!path.startsWith(prefix)) return path;
  const rest = path.slice(prefix.length);
  if (rest.startsWith('/')) return rest;
  // '/grpc' alone is the root of the paths below it, but '/grpcfoo' is another name.
  return rest === '' || rest.startsWith('?') ? `/${rest}` : path;
}
