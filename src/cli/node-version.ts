// Tells whether this Node is safe on a network. It refuses releases with published vulnerabilities in the parts of Node that
// Framegate uses (TLS, the server of HTTP/1.1). The function is pure.

/** The first safe release of each line. Lines up to NEWEST_KNOWN_LINE that are not listed are not supported. */
const FIRST_SAFE: ReadonlyMap<number, readonly [minor: number, patch: number]> = new Map([
  // June 2026: CVE-2026-48618 and -48934 (names of TLS servers), -48928 (SNI).
  [24, [17, 0]],
  [26, [3, 1]],
]);
const NEWEST_KNOWN_LINE = 26;

/**
 * @param version a version as in process.versions.node
 * @returns what is wrong with it and what to do, or undefined if it is safe
 */
export function describeUnsafeNode(version: string): string | undefined {
  const [major, minor, patch] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major > NEWEST_KNOWN_LINE) return undefined;
  const safe = FIRST_SAFE.get(major);
  if (safe === undefined) {
    return `Node.js ${major} is not a line with long-term support that Framegate is made for; use Node.js 24 or 26.`;
  }
  const isSafe = minor > safe[0] || (minor === safe[0] && patch >= safe[1]);
  if (isSafe) return undefined;
  return `Node.js ${version} has known security holes in TLS and HTTP; use ${major}.${safe.join('.')} or newer.`;
}
