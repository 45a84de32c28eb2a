// The host that a request names, in the one form that every HTTP server takes. A service that finds fault with it resets the
// stream, and some count such streams and end the connection that carries the calls of others (Node after 1,000, hyper
// after 1,024, Netty after 200 in 30 s); so the rule is the sum of what each of them refuses.

/**
 * Host and port (RFC 9110 section 7.2). Of the characters that RFC 3986 allows in a name, Kestrel refuses "*+,;=%", and
 * hyper "%" and a second colon; nghttp2 refuses what is no URI, such as '"?\<', and user information.
 */
const HOST_AND_PORT = /^(?:[A-Za-z0-9!$&'()._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

/** The last that was found good: clients name one host in all their calls. */
let lastGood = 'localhost';

/** What clients of Unix sockets are given, whose own word for the host is the path of the socket: as gRPC's documents say. */
const UNIX_AUTHORITY = 'localhost';

/**
 * The authority to route by and to send on, or undefined where `text` is none: '' and user information are none.
 * @param isUnix the client came by a Unix socket: it may say nothing, or the path (grpc-java), percent-encoded (gRPC's C core)
 */
export function normalAuthority(text: string, isUnix = false): string | undefined {
  if (text === lastGood || HOST_AND_PORT.test(text)) {
    lastGood = text;
    return text;
  }
  if (isUnix && (text === '' || text.includes('/') || text.includes('%'))) return UNIX_AUTHORITY;
  const [first] = text.split(',', 1);
  // gRPC's C core names all addresses of an ipv4: or ipv6: target, and means any of them.
  const isList = first !== text && text.split(',').every((member) => HOST_AND_PORT.test(member));
  const plain = withoutZone(isList ? first : text);
  // An empty port is the default one (RFC 3986 section 3.2.3), and some servers refuse it.
  const normal = plain.endsWith(':') && !plain.includes('::') ? plain.slice(0, -1) : plain;
  return HOST_AND_PORT.test(normal) ? normal : undefined;
}

/** Whether two authorities name the same host and port, where a port that is not named is the scheme's. */
export function isSameAuthority(a: string, b: string, scheme: string): boolean {
  return a === b || withPort(a, scheme) === withPort(b, scheme);
}

function withPort(authority: string, scheme: string): string {
  const text = authority.toLowerCase();
  return /:[0-9]+$/.test(text) ? text : `${text}:${scheme === 'http' ? 80 : 443}`;
}

/** The zone of an IPv6 address means something on the client's host alone; intermediaries take it off (RFC 6874 section 4). */
function withoutZone(text: string): string {
  return text.replace(/^(\[[0-9A-Fa-f:.]+)%[^\]]*\]/, '$1]');
}
