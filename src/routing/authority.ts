// Normalises the authority of a request to a form that every HTTP server accepts. A service that rejects an authority resets the
// stream, and some services count such streams and close the connection, which carries the calls of other clients (Node after
// 1,000, hyper after 1,024, Netty after 200 in 30 s). So the rule here excludes whatever any of them rejects.

/**
 * Host and port (RFC 9110 section 7.2). Of the characters that RFC 3986 allows in a name, Kestrel refuses "*+,;=%", and hyper "%"
 * and a second colon. nghttp2 refuses whatever is not a URI, such as '"?\<', and user information.
 */
const HOST_AND_PORT = /^(?:[A-Za-z0-9!$&'()._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

/** The last valid authority: clients use the same one in all their calls. */
let lastGood = 'localhost';

/** The authority for clients of unix sockets, whose own one is the path of the socket. gRPC's documents specify 'localhost'. */
const UNIX_AUTHORITY = 'localhost';

/**
 * The authority for routing and for the service, or undefined when `text` is not valid: '' and user information are not.
 * @param isUnix the client came by a unix socket: it may send nothing, or the path (grpc-java), percent-encoded (gRPC's C core)
 */
export function normalAuthority(text: string, isUnix = false): string | undefined {
  if (text === lastGood || HOST_AND_PORT.test(text)) {
    lastGood = text;
    return text;
  }
  if (isUnix && (text === '' || text.includes('/') || text.includes('%'))) return UNIX_AUTHORITY;
  const [first] = text.split(',', 1);
  // gRPC's C core sends all addresses of an ipv4: or ipv6: target, and means any of them.
  const isList = first !== text && text.split(',').every((member) => HOST_AND_PORT.test(member));
  const plain = withoutZone(isList ? first : text);
  // An empty port means the default one (RFC 3986 section 3.2.3), but some servers refuse it.
  const normal = plain.endsWith(':') && !plain.includes('::') ? plain.slice(0, -1) : plain;
  return HOST_AND_PORT.test(normal) ? normal : undefined;
}

/** Whether two authorities name the same host and port. A missing port is the scheme's default. */
export function isSameAuthority(a: string, b: string, scheme: string): boolean {
  return a === b || withPort(a, scheme) === withPort(b, scheme);
}

function withPort(authority: string, scheme: string): string {
  const text = authority.toLowerCase();
  return /:[0-9]+$/.test(text) ? text : `${text}:${scheme === 'http' ? 80 : 443}`;
}

/**
 * Removes the zone of an IPv6 address. A zone is meaningful only on the client's host, and intermediaries remove it (RFC 6874
 * section 4).
 */
function withoutZone(text: string): string {
  return text.replace(/^(\[[0-9A-Fa-f:.]+)%[^\]]*\]/, '$1]');
}
