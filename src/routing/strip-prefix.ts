// Takes a route's stripPrefix off the front of a :path, as whole segments: '/grpc' turns '/grpc/a.B/C' into '/a.B/C'.
// A path that does not begin with the prefix is passed on as it is; the result always begins with '/'.

/** `prefix` begins with '/' and does not end in one. */
export function stripPrefix(path: string, prefix: string): string {
  if (!path.startsWith(prefix)) return path;
  const rest = path.slice(prefix.length);
  if (rest.startsWith('/')) return rest;
  // '/grpc' alone is the root of what lies below it; '/grpcfoo' is another name.
  return rest === '' || rest.startsWith('?') ? `/${rest}` : path;
}
