// What a client can claim about itself, or about who is behind it. Such fields are believed from trusted peers only, and from
// header fields only: never from trailers.

/**
 * Fields that say who is behind the peer, or what that one asked for: only a trusted peer may send them. SECURITY.md lists
 * them, and what is not among them.
 */
const CLAIMS: ReadonlySet<string> = new Set([
  // The client's address, by the names that proxies and networks give it.
  'forwarded',
  'x-forwarded',
  'forwarded-for',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-originating-ip',
  'x-proxyuser-ip',
  'client-ip',
  'true-client-ip',
  'real-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'fastly-client-ip',
  'fly-client-ip',
  'x-nf-client-connection-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-appengine-user-ip',
  'x-vercel-forwarded-for',
  'cloudfront-viewer-address',
  'proxy-client-ip',
  'wl-proxy-client-ip',
  // How it came, and with which certificate (RFC 9440 section 2.4).
  'front-end-https',
  'x-scheme',
  'x-url-scheme',
  'client-cert',
  'client-cert-chain',
  'x-client-cert',
  'x-ssl-client-cert',
  'ssl-client-cert',
  'x-arr-clientcert',
  // Which path and host it asked for, for services that route by them.
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
  // The id under which the call is logged.
  'x-request-id',
]);

/** Whole families of them. */
const CLAIM_PREFIXES = ['x-forwarded-', 'x-original-', 'x-envoy-', 'x-amzn-mtls-', 'x-ssl-client-'] as const;

/**
 * Services that make variables of field names cannot tell `_` from `-` (RFC 3875 section 4.1.18), so neither is told here.
 * @param name in lower case
 */
export function isClaimAboutClient(name: string): boolean {
  const written = name.includes('_') ? name.replaceAll('_', '-') : name;
  return CLAIMS.has(written) || CLAIM_PREFIXES.some((prefix) => written.startsWith(prefix));
}
