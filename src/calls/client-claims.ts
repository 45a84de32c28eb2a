// Fields by which a peer describes the client behind it. They are accepted only from trusted peers, and only as header fields, never as
// trailers.

import { hyphenated } from './field-spelling.ts';

/** Who is behind the peer, and what did that client ask for? SECURITY.md lists these fields, and similar ones that are not among them. */
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
  // How the client connected, and with which certificate (RFC 9440 section 2.4).
  'front-end-https',
  'x-scheme',
  'x-url-scheme',
  'client-cert',
  'client-cert-chain',
  'x-client-cert',
  'x-ssl-client-cert',
  'ssl-client-cert',
  'x-arr-clientcert',
  // Which path and host the client asked for. Some services route by these fields.
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
  // The id by which the call is logged.
  'x-request-id',
]);

/** All names that begin with one of these are claims too. */
const CLAIM_PREFIXES = ['x-forwarded-', 'x-original-', 'x-envoy-', 'x-amzn-mtls-', 'x-ssl-client-'] as const;

/**
 * Also for names in other spellings, see field-spelling.ts.
 * @param name in lower case
 */
export function isClaimAboutClient(name: string): boolean {
  const written = hyphenated(name);
  return CLAIMS.has(written) || CLAIM_PREFIXES.some((prefix) => written.startsWith(prefix));
}
