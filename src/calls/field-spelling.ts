// Names of header fields that some services cannot tell apart.

/**
 * Services that turn field names into variables read `_` like `-` (RFC 3875 section 4.1.18), and PHP reads `.` like `_`.
 * @param name in lower case
 * @returns the name with hyphens in place of these
 */
export function hyphenated(name: string): string {
  return name.includes('_') || name.includes('.') ? name.replaceAll(/[_.]/g, '-') : name;
}
