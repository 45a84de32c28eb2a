// What a field has after the scheme `Bearer`.

const SCHEME = /^bearer +/i;

/** @returns undefined if the field has credentials of another scheme. There may be several spaces (RFC 9110 section 11.4) */
export function bearerToken(field: string): string | undefined {
  const scheme = SCHEME.exec(field);
  return scheme === null ? undefined : field.slice(scheme[0].length);
}
