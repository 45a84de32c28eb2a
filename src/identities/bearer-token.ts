// What a field has after the scheme `Bearer`, and what it has instead.

const SCHEME = /^bearer +/i;

/** @returns undefined if the field has credentials of another scheme. There may be several spaces (RFC 9110 section 11.4) */
export function bearerToken(field: string): string | undefined {
  const scheme = SCHEME.exec(field);
  return scheme === null ? undefined : field.slice(scheme[0].length);
}

/** Schemes that may be named (IANA HTTP Authentication Schemes, and those that APIs use). Any other first word may be a secret. */
const SCHEMES = /^(basic|bearer|digest|dpop|hawk|hoba|mutual|negotiate|ntlm|oauth|token|apikey)(?= |$)/i;

/** @returns a sentence for the client and the log about a field without credentials of the scheme that is wanted; it holds no part of the credentials */
export function otherScheme(field: string | undefined, wanted: 'Bearer' | 'Basic'): string | undefined {
  if (field === undefined) return undefined;
  const [scheme] = SCHEMES.exec(field) ?? [];
  if (scheme === undefined)
    return `The request has authorization, but without ${wanted} and a space before the credentials.`;
  return scheme.toLowerCase() === wanted.toLowerCase()
    ? `The request has authorization, but with nothing after ${wanted}.`
    : `The request has authorization, but of the scheme ${scheme.toLowerCase()} instead of ${wanted}.`;
}
